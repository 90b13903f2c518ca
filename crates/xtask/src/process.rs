//! Child processes of the chores: run one and say what failed, or wait for one with a deadline.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

/// How often a child is looked at while we wait for it. Short beside everything waited for here.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Runs the command to its end; anything but success is an error that names it.
pub fn check(command: &mut Command) -> Result<()> {
    let said = said(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{said}`"))?;
    if !status.success() {
        bail!("`{said}` failed ({status})");
    }
    Ok(())
}

/// The command as a person would type it, near enough for a message.
fn said(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Waits for the child's end, at most until `deadline`.
pub fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    loop {
        let ended = child
            .try_wait()
            .context("cannot wait for a child process")?;
        if ended.is_some() || Instant::now() >= deadline {
            return Ok(ended);
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// How much of a server's log a failure shows.
const LOG_LINES_SHOWN: usize = 30;

/// The last lines of a log, for the message of a failure.
pub fn end_of_log(log: &Path) -> String {
    let log = fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

/// Why a wait ended.
pub enum Ended {
    /// Nobody can write to our standard input any more.
    Input,
    /// The child ended by itself.
    Child(ExitStatus),
}

/// Waits for the end of our standard input or of the child, whichever comes first.
pub fn wait_for_end_of_input(child: &mut Child) -> Result<Ended> {
    // Sends by being dropped. The thread may sit in its read until the process ends: a read of
    // standard input cannot be called off.
    let (open, closed) = mpsc::channel::<()>();
    thread::spawn(move || {
        // An input that cannot be read has ended too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(open);
    });
    loop {
        if let Err(mpsc::RecvTimeoutError::Disconnected) = closed.recv_timeout(LOOK_INTERVAL) {
            return Ok(Ended::Input);
        }
        if let Some(status) = child
            .try_wait()
            .context("cannot wait for a child process")?
        {
            return Ok(Ended::Child(status));
        }
    }
}
