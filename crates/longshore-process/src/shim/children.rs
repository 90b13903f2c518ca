//! The shim's children: the job's main process and whatever was left behind by its parent and so
//! became ours (we are its subreaper).
//!
//! Only children of our own are ever *killed* by process id: as nobody else can wait for them, such
//! an id can't have been given to another process. Killing a parent makes its children ours, so
//! that repeating this reaches everything.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use super::job::Job;
use super::signals::Signals;
use crate::family::Family;
use crate::procfs::{self, ProcessStat, signed};

/// Between two rounds of killing, at first. A death takes less than this on an idle machine.
const FIRST_PAUSE: Duration = Duration::from_millis(1);

/// … and at the most, for processes that the kernel won't let go.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Waits for every child that has ended, but never for `main`: how that one ended is for
/// [`Job`] to read.
pub fn reap_all_but(main: Pid) -> io::Result<()> {
    loop {
        let peek = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::All, peek) {
            Ok(status) => match status.pid() {
                Some(pid) if pid != main => reap(pid)?,
                // `main` itself, whose signal is still pending and leads to it; or nobody.
                Some(_) | None => return Ok(()),
            },
            Err(Errno::ECHILD) => return Ok(()),
            // One ended by a real-time signal, which `nix` can't name, and so not who it was.
            Err(Errno::EINVAL) => return reap_listed_but(main),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// TERM to everything below us, once: to some programs a second one means "never mind the cleaning
/// up". The main process's group is told as a whole, so that none of it can slip away by forking;
/// whoever left it is told by name.
pub fn terminate_all(job: &Job) -> io::Result<()> {
    // Listed before anybody is told: what a clean-up starts is not to be disturbed.
    let below = Family::of(&procfs::all().processes).below(std::process::id());
    let outside = below.iter().filter(|process| process.group != job.pid());
    // What was stopped (SIGSTOP) can't see the TERM before it goes on.
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        job.signal(signal)?;
        for process in outside.clone() {
            // Some are others' children: between look and signal such an id could in principle go
            // to another process; that takes a whole round of the kernel's numbers.
            send(process.pid, signal)?;
        }
    }
    Ok(())
}

/// Ends everything that is left, the job's main process included, and returns when there is
/// nothing any more. There is no bound: to say "ended" of what still lives would be a lie.
pub fn end_all(signals: &Signals, mut job: Option<&mut Job>) -> io::Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        let main_lives = match &mut job {
            Some(job) => !job.has_ended()?,
            None => false,
        };
        match &job {
            // Taken first, by whoever reads its status; the others are not in a hurry.
            Some(job) if main_lives => reap_all_but(signed(job.pid()))?,
            Some(_) | None if reap_ended()? => {}
            Some(_) | None => {
                if let Some(job) = &mut job {
                    job.leave_group();
                }
                return Ok(());
            }
        }
        // By its own id, whatever can or can't be listed.
        if let Some(job) = &job
            && main_lives
        {
            send(job.pid(), Signal::SIGKILL)?;
        }
        // A listing that failed (too many open files) is as good as one that came too early.
        for child in listed() {
            send(child.pid, Signal::SIGKILL)?;
        }
        signals.wait(pause)?;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Those of our children that `/proc` shows just now.
fn listed() -> impl Iterator<Item = ProcessStat> {
    let me = std::process::id();
    let processes = procfs::all().processes.into_iter();
    processes.filter(move |process| process.parent == me)
}

fn send(pid: procfs::Pid, signal: Signal) -> io::Result<()> {
    match kill(signed(pid), signal) {
        // EPERM: it runs as somebody else by now (`sudo`). Nothing but its own end helps.
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// The same as [`reap_all_but`], by `/proc`.
fn reap_listed_but(main: Pid) -> io::Result<()> {
    let ended = listed().filter(|child| !child.is_alive());
    for pid in ended.map(|child| signed(child.pid)) {
        if pid != main {
            reap(pid)?;
        }
    }
    Ok(())
}

fn reap(pid: Pid) -> io::Result<()> {
    match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
        // EINVAL: ended by a real-time signal, and waited for.
        Ok(_) | Err(Errno::ECHILD | Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Waits for every child that has ended, `main` included; whether any is left.
pub fn reap_ended() -> io::Result<bool> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(true),
            Ok(_) | Err(Errno::EINVAL) => {}
            Err(Errno::ECHILD) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
    }
}
