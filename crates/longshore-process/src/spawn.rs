//! Starting a shim: two pipes for the job's output, one socket pair to speak through.

use std::io::{self, PipeReader, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;

use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::handle::ProcessId;

/// How to start a shim: a program that calls [`crate::shim::main`], and the arguments that make
/// it do so.
#[derive(Clone, Debug)]
pub struct ShimCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

impl ShimCommand {
    /// The program that runs now, with these arguments: the same version as the worker, even if
    /// the file was replaced by a newer one since.
    pub fn of_this_program<I, S>(args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: args.into_iter().map(Into::into).collect(),
        }
    }
}

/// A shim that was just started.
pub struct Spawned {
    /// The process, to be waited for.
    pub child: Child,
    /// Which one it is.
    pub id: ProcessId,
    /// Our end of the control channel.
    pub control: UnixStream,
    /// What the job will write to its standard output.
    pub stdout: Receiver,
    /// … and to its standard error.
    pub stderr: Receiver,
}

/// Starts a shim that shows as `name` in listings of processes.
///
/// Every descriptor is closed on exec, so that no other child of the worker inherits one and
/// holds a pipe or a channel open. The shim's environment is empty: the worker's may hold secrets.
pub fn spawn(shim: &ShimCommand, name: &str) -> io::Result<Spawned> {
    let (ours, theirs) = StdUnixStream::pair()?;
    let (stdout, job_stdout) = pipe()?;
    let (stderr, job_stderr) = pipe()?;
    // A worker may have been started with this signal ignored; then neither it nor its shims could
    // wait for their children. What is handled is default again in a child, unlike what is ignored.
    drop(signal(SignalKind::child())?);
    let child = {
        // Dropped right after the spawn: it holds our copies of the shim's ends.
        let mut command = Command::new(&shim.program);
        command
            .arg0(name)
            .args(&shim.args)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(job_stdout)
            .stderr(job_stderr);
        command.spawn()?
    };
    let pid = child
        .id()
        .expect("a child that was never waited for has a process id");
    let id = ProcessId::of_child(pid)?;
    ours.set_nonblocking(true)?;
    Ok(Spawned {
        child,
        id,
        control: UnixStream::from_std(ours)?,
        stdout: receiver(stdout)?,
        stderr: receiver(stderr)?,
    })
}

fn receiver(reader: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(reader.into())
}
