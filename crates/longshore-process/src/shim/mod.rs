//! The shim: the process between a worker and one job.
//!
//! It owns the job's life: starts it, ends it, sees to it that nothing of it is left. It must
//! never touch the job's output, decide anything, or use threads: the death signal of the job's
//! main process fires when the *thread* that started it ends.
//!
//! The same program is also the *exec stage*, the job's main process before it becomes the job:
//! there it changes user and directory and asks for its death signal, all of which `std` could do
//! only in an unsafe hook between fork and exec. The first message on standard input says which.

mod channel;
mod children;
mod execute;
mod job;
mod signals;
mod supervisor;

use std::io;
use std::process::ExitCode;

use crate::wire::{Role, VERSION};
use channel::Channel;
use supervisor::Supervisor;

/// Runs the shim to its end. To be called first thing in `main`, before any thread exists.
///
/// Standard input is the channel to whoever started it; it has no arguments of its own.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore shim: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut channel = Channel::from_stdin()?;
    match channel.receive::<Role>()? {
        // Whoever wanted it is gone: nothing was started, nothing is to be done.
        None => Ok(()),
        Some(Role::Supervise { version }) if version != VERSION => {
            let problem = format!("this shim is of version {VERSION}, its worker of {version}");
            Err(io::Error::other(problem))
        }
        Some(Role::Supervise { .. }) => Supervisor::new(channel)?.run(),
        Some(Role::Execute(execute)) => execute::run(&execute, &channel),
    }
}
