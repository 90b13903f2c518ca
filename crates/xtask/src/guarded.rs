//! Servers that end with us, however we end.
//!
//! Owns the pipe between us and a guard: a second process of our own program, which owns a
//! server and ends it as soon as the pipe closes. The kernel closes it however we end, by
//! return, panic, Ctrl-C or SIGKILL, so one mechanism serves them all and no signal handler is
//! needed. It never knows what the guard guards.

use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// A server under a guard, which ends with this value or with this process.
pub struct Guarded {
    what: &'static str,
    guard: Child,
    /// Held open, never written to; its closing tells the guard to end.
    lifeline: Option<ChildStdin>,
    /// The one line in which the guard said how to reach the server.
    pub address: String,
}

impl Guarded {
    /// Starts a guard of `what` by the hidden command that `words` give, and waits for its line.
    pub fn start(what: &'static str, words: &mut dyn FnMut(&mut Command)) -> Result<Self> {
        let mut command = Command::new(ourselves()?);
        words(&mut command);
        let mut guard = command
            // A Ctrl-C at the terminal must not reach the guard: it has to clean up after us.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the guard of {what}"))?;
        let lifeline = guard.stdin.take();
        let output = guard.stdout.take().expect("the guard's output is piped");
        let mut guarded = Self {
            what,
            guard,
            lifeline,
            address: String::new(),
        };

        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .with_context(|| format!("cannot read from the guard of {what}"))?;
        line.trim_end().clone_into(&mut guarded.address);
        if guarded.address.is_empty() {
            guarded.stop()?;
            bail!("{what} did not start");
        }
        Ok(guarded)
    }

    /// The guard, to wait for.
    pub fn guard(&mut self) -> &mut Child {
        &mut self.guard
    }

    /// Ends the server, and fails when it had died before or left something behind.
    pub fn stop(mut self) -> Result<()> {
        let what = self.what;
        let status = self
            .end()
            .with_context(|| format!("cannot wait for the guard of {what}"))?;
        if !status.success() {
            bail!("{what} failed, as its guard says above ({status})");
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<ExitStatus> {
        drop(self.lifeline.take());
        self.guard.wait()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // What failed, failed before us; the guard itself says what it could not clean up.
        let _ = self.end();
    }
}

/// The exit code that a shell would show.
pub fn code_of(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// Our own program, even where a build has replaced its file since we were started: under
/// `cargo xtask test`, building the workspace does just that.
fn ourselves() -> Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        Ok(running)
    } else {
        std::env::current_exe().context("cannot find our own program")
    }
}
