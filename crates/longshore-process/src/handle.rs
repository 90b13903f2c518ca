//! Handles: which process of which boot a container's shim is.

use std::fmt;
use std::io;
use std::str::FromStr;

use longshore_core::executor::Handle;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};

use crate::procfs::{self, Pid, ProcessStat, signed};

/// A process for good: no other one ever has the same four.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessId {
    boot_id: String,
    /// Its process id.
    pub pid: Pid,
    start_time: u64,
    /// Where the process id counts. Its number can be given away only when nothing lives in there.
    namespace: u64,
}

/// What is known of a process that is not our child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It lives.
    Alive,
    /// It ended. This is proof.
    Gone,
    /// It belongs to another boot of this machine, and has ended with it; or to another machine.
    AnotherBoot,
    /// It belongs to another PID namespace of this machine: nothing is known.
    AnotherNamespace,
}

impl ProcessId {
    /// Of a child that was not yet waited for, so that its process id is its own.
    pub fn of_child(pid: Pid) -> io::Result<Self> {
        let stat = procfs::stat(pid)?
            .ok_or_else(|| io::Error::other("/proc does not show this process's own child"))?;
        Self::seen(&stat)
    }

    /// Of what `/proc` showed of a process in this PID namespace.
    pub fn seen(stat: &ProcessStat) -> io::Result<Self> {
        Ok(Self {
            boot_id: procfs::boot_id()?,
            pid: stat.pid,
            start_time: stat.start_time,
            namespace: procfs::pid_namespace()?,
        })
    }

    /// Whether its numbers are those of this boot and PID namespace.
    pub fn is_of_here(&self) -> io::Result<bool> {
        Ok(procfs::boot_id()? == self.boot_id && procfs::pid_namespace()? == self.namespace)
    }

    /// Whether a process with its process id would be another one by now.
    pub fn was_given_away(&self, now: &ProcessStat) -> bool {
        now.pid == self.pid && now.start_time != self.start_time
    }

    /// Whether that is what `/proc` showed.
    pub fn is(&self, stat: &ProcessStat) -> bool {
        stat.pid == self.pid && stat.start_time == self.start_time
    }

    /// Its name in the store.
    pub fn handle(&self) -> Handle {
        Handle(self.to_string())
    }

    /// Whether it lives, asked afresh.
    pub fn standing(&self) -> io::Result<Standing> {
        if procfs::boot_id()? != self.boot_id {
            return Ok(Standing::AnotherBoot);
        }
        if procfs::pid_namespace()? != self.namespace {
            return Ok(Standing::AnotherNamespace);
        }
        match procfs::stat(self.pid)? {
            Some(stat) if self.is(&stat) && stat.is_alive() => Ok(Standing::Alive),
            Some(_) => Ok(Standing::Gone),
            // `/proc` may hide other users' processes (`hidepid`); `kill` does not.
            None => match kill(signed(self.pid), None) {
                Err(Errno::ESRCH) => Ok(Standing::Gone),
                Ok(()) | Err(_) => Err(io::Error::other("/proc hides the process from this user")),
            },
        }
    }
}

impl ProcessId {
    /// Sends a signal, if it still lives; never to another process.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match procfs::stat(self.pid)? {
            Some(stat) if self.is(&stat) && self.is_of_here()? => {
                procfs::signal(&stat, signal).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            boot_id,
            pid,
            start_time,
            namespace,
        } = self;
        write!(f, "{boot_id}:{pid}:{start_time}:{namespace}")
    }
}

/// Not a handle of this executor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAHandle;

impl FromStr for ProcessId {
    type Err = NotAHandle;

    fn from_str(text: &str) -> Result<Self, NotAHandle> {
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or(NotAHandle);
        let (boot_id, pid, start_time, namespace) = (next()?, next()?, next()?, next()?);
        if next().is_ok() {
            return Err(NotAHandle);
        }
        // Other numbers mean something else to system calls: a group, or everybody.
        let pid: i32 = pid.parse().map_err(|_| NotAHandle)?;
        let pid = Pid::try_from(pid).map_err(|_| NotAHandle)?;
        if pid == 0 {
            return Err(NotAHandle);
        }
        Ok(Self {
            boot_id: boot_id.to_owned(),
            pid,
            start_time: start_time.parse().map_err(|_| NotAHandle)?,
            namespace: namespace.parse().map_err(|_| NotAHandle)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_read_back_as_they_were_written() {
        let me = ProcessId::of_child(std::process::id()).expect("/proc shows this process");
        assert_eq!(me.to_string().parse(), Ok(me.clone()));
        assert_eq!(me.standing().expect("/proc is readable"), Standing::Alive);
        for text in [
            "",
            "boot:1:2",
            "boot:x:3:4",
            "boot:1:2:3:4",
            "boot:0:3:4",
            "boot:-1:3:4",
            "boot:2147483648:3:4",
        ] {
            assert_eq!(text.parse::<ProcessId>(), Err(NotAHandle), "{text}");
        }
    }

    #[test]
    fn a_reused_process_id_another_namespace_and_another_boot_are_told_apart() {
        let me = ProcessId::of_child(std::process::id()).expect("/proc shows this process");
        let earlier = ProcessId {
            start_time: me.start_time - 1,
            ..me.clone()
        };
        assert_eq!(
            earlier.standing().expect("/proc is readable"),
            Standing::Gone
        );
        let inside = ProcessId {
            namespace: me.namespace - 1,
            ..earlier
        };
        assert_eq!(
            inside.standing().expect("/proc is readable"),
            Standing::AnotherNamespace
        );
        let before = ProcessId {
            boot_id: "another".to_owned(),
            ..me
        };
        assert_eq!(
            before.standing().expect("/proc is readable"),
            Standing::AnotherBoot
        );
    }
}
