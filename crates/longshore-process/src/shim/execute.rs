//! The exec stage: from a copy of the shim to the job's main process.

use std::io;
use std::os::unix::fs::fchown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid, getppid, setgid, setgroups, setuid};

use super::channel::Channel;
use crate::procfs::signed;
use crate::wire::{Execute, Launch, Progress, RunAs, StartFailure};

/// Becomes the job. Returns only if that failed, after having said why.
pub fn run(execute: &Execute, channel: &Channel) -> io::Result<()> {
    let failure = match prepare(execute) {
        Ok(mut command) => {
            channel.send(&Progress::Imminent)?;
            let error = become_job(&mut command);
            StartFailure::new(format!("run {:?}", execute.launch.argv[0]), &error)
        }
        Err(failure) => failure,
    };
    channel.send(&Progress::Failed(failure))
}

fn prepare(execute: &Execute) -> Result<Command, StartFailure> {
    let Execute { shim, launch } = execute;
    if let Some(user) = &launch.run_as {
        run_as(user)
            .map_err(|error| StartFailure::new(format!("become user {}", user.uid), &error))?;
    }
    // As the job's user, whose right to be there is what counts.
    if let Some(path) = &launch.working_directory {
        std::env::set_current_dir(path).map_err(|error| {
            StartFailure::new(format!("enter working directory {path:?}"), &error)
        })?;
    }
    // After the change of user, which would clear it. (So does a set-user-id program of the job's;
    // then the worker's sweep is what finds it, should this shim be killed.)
    set_pdeathsig(Signal::SIGKILL)
        .map_err(|errno| StartFailure::new("ask for the death signal", &errno.into()))?;
    if getppid() != signed(*shim) {
        let error = io::Error::other("it ended meanwhile");
        return Err(StartFailure::new("look at the shim", &error));
    }
    Ok(command(launch))
}

fn run_as(user: &RunAs) -> io::Result<()> {
    // So that the job can open /dev/stdout and /dev/stderr, which are pipes that root made.
    fchown(io::stdout(), Some(user.uid), Some(user.gid))?;
    fchown(io::stderr(), Some(user.uid), Some(user.gid))?;
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    setgroups(&groups)?;
    setgid(Gid::from_raw(user.gid))?;
    setuid(Uid::from_raw(user.uid))?;
    Ok(())
}

fn command(launch: &Launch) -> Command {
    let mut command = Command::new(&launch.argv[0]);
    command
        .args(&launch.argv[1..])
        .env_clear()
        .envs(
            launch
                .env
                .iter()
                .map(|(name, value)| (name, value.reveal())),
        )
        .stdin(Stdio::null());
    command
}

/// Exec, with nothing blocked and nothing ignored that the shim or `std` did block or ignore.
fn become_job(command: &mut Command) -> io::Error {
    match SigSet::empty().thread_set_mask() {
        Ok(()) => command.exec(),
        Err(errno) => errno.into(),
    }
}
