//! The job's main process, from the exec stage to its end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};

use nix::errno::Errno;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{dup2_stderr, dup2_stdout};

use super::channel::{Channel, Look};
use crate::cgroup::Group;
use crate::handle::ProcessId;
use crate::labels;
use crate::procfs::{Pid, signed};
use crate::wire::{End, Execute, Launch, Progress, Role, StartFailure};

/// A job that was told to start.
pub struct Job {
    child: Child,
    /// To the exec stage, until the program runs.
    starting: Option<Channel>,
    /// Whether the exec stage said that all is prepared.
    imminent: bool,
    group: Option<Group>,
}

impl Job {
    /// Starts the exec stage, in a process group of its own.
    pub fn start(launch: Launch) -> Result<Self, StartFailure> {
        Self::try_start(launch).map_err(|error| StartFailure::new("start the exec stage", &error))
    }

    fn try_start(launch: Launch) -> io::Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        // The very program that runs now, even if its file was replaced or moved.
        let mut command = Command::new("/proc/self/exe");
        let mut own_args = std::env::args_os();
        if let Some(name) = own_args.next() {
            command.arg0(name);
        }
        command
            .args(own_args)
            .env_clear()
            .stdin(theirs)
            .process_group(0);
        let child = command.spawn()?;
        drop(command); // and with it our copy of the exec stage's end
        let group = put_into_group(child.id());
        let execute = Role::Execute(Execute {
            shim: std::process::id(),
            launch,
        });
        match ours.send(&execute) {
            // It died already: its channel has ended too, and is looked at next.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            sent => sent?,
        }
        Ok(Self {
            child,
            starting: Some(ours),
            imminent: false,
            group,
        })
    }

    /// The main process.
    pub fn pid(&self) -> Pid {
        self.child.id()
    }

    /// Something to wait for while the job starts.
    pub fn starting(&self) -> Option<BorrowedFd<'_>> {
        self.starting.as_ref().map(AsFd::as_fd)
    }

    /// Takes what the exec stage says, waiting for it; once it is decided: whether the program
    /// runs.
    pub fn progress(&mut self) -> io::Result<Option<Result<(), StartFailure>>> {
        let Some(channel) = &mut self.starting else {
            return Ok(None);
        };
        let look = channel.look()?;
        while let Some(progress) = channel.next_message()? {
            match progress {
                Progress::Imminent => self.imminent = true,
                Progress::Failed(failure) => {
                    self.starting = None;
                    return Ok(Some(Err(failure)));
                }
            }
        }
        if look == Look::Received {
            return Ok(None);
        }
        self.starting = None;
        if !self.imminent {
            let error = io::Error::other("it ended before it was ready");
            return Ok(Some(Err(StartFailure::new("prepare the program", &error))));
        }
        let_go_of_output()?;
        Ok(Some(Ok(())))
    }

    /// Whether the main process has ended; waits for it if so.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Sends a signal to the job's process group. Only while the main process was not waited for:
    /// until then the group's number is its own.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        match killpg(signed(self.pid()), signal) {
            // EPERM: all of it runs as somebody else by now (`sudo`).
            Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Nothing of it is left: neither is its group.
    pub fn leave_group(&mut self) {
        if let Some(group) = self.group.take() {
            group.remove();
        }
    }

    /// How it ended and what it used, once nothing of it is left.
    ///
    /// CPU time and memory include the exec stage's own (about a millisecond and a few MiB); they
    /// leave out what the kernel never counted: children whose parent ignored SIGCHLD.
    pub fn end(&mut self) -> io::Result<End> {
        let status = self.child.wait()?;
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or(0);
        Ok(End {
            code: status.code(),
            signal: status.signal(),
            cpu_micros: micros(usage.user_time()) + micros(usage.system_time()),
            // The kernel counts in KiB (`getrusage(2)`).
            peak_memory_bytes: u64::try_from(usage.max_rss()).unwrap_or(0) * 1024,
        })
    }
}

/// Puts the exec stage into a group of its own, before it is told anything; where that is possible.
fn put_into_group(pid: Pid) -> Option<Group> {
    let name = std::env::args().next()?;
    let identity = labels::read_shim(&name)?;
    let me = ProcessId::of_child(std::process::id()).ok()?;
    let group = Group::make(&me, &identity)?;
    if group.add(pid).is_err() {
        group.remove();
        return None;
    }
    Some(group)
}

/// From now on only the job holds the writing ends of its output, so that its readers see the end
/// when it does.
fn let_go_of_output() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&nowhere)?;
    dup2_stderr(&nowhere)?;
    Ok(())
}
