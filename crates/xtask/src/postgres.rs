//! `cargo xtask postgres`: a private, throw-away PostgreSQL for tests.
//!
//! Owns the life of such a server as its users see it: [`Cluster`] runs while it is held. The
//! server belongs to a second process, the guard ([`guard`]), which ends it as soon as the pipe
//! from us closes. The kernel closes that pipe however we end, by return, panic, Ctrl-C or
//! SIGKILL, so one mechanism serves them all and no signal handler is needed.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

use crate::process::{Ended, wait_for_end_of_input};

pub mod binaries;
mod guard;
mod home;
mod server;

pub use guard::{Arguments as GuardArguments, run as run_guard};

/// The hidden command under which our own program becomes the guard.
pub const GUARD_COMMAND: &str = "postgres-guard";

/// Where tests look for the server.
const URL_VARIABLE: &str = "LONGSHORE_TEST_POSTGRES_URL";

/// What a person may say about the server.
#[derive(clap::Args)]
pub struct Arguments {
    /// Keep the cluster in this folder, and go on with the one that is there, rather than in a
    /// temporary folder that is removed at the end.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Run this and end with its exit code, rather than wait for Ctrl-C or end of input.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs a server for the length of a command, or until Ctrl-C or the end of standard input.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut cluster = Cluster::start(&binaries::find_or_install()?, arguments.data.as_deref())?;
    let code = match arguments.command.split_first() {
        None => {
            println!("{}", cluster.url);
            if let Ended::Child(status) = wait_for_end_of_input(&mut cluster.guard)? {
                bail!("PostgreSQL ended by itself; its guard {status}");
            }
            ExitCode::SUCCESS
        }
        Some((program, rest)) => {
            let status = cluster
                .visible_to(Command::new(program).args(rest))
                .status()
                .with_context(|| format!("cannot start `{}`", program.display()))?;
            ExitCode::from(code_of(status))
        }
    };
    cluster.stop()?;
    Ok(code)
}

/// The exit code that a shell would show.
fn code_of(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// A running server, which ends with this value or with this process.
pub struct Cluster {
    guard: Child,
    /// Held open, never written to; its closing tells the guard to end.
    lifeline: Option<ChildStdin>,
    url: String,
}

impl Cluster {
    /// Starts a server from the programs in `bin`, in the folder `data` or a temporary one.
    pub fn start(bin: &Path, data: Option<&Path>) -> Result<Self> {
        let mut command = Command::new(ourselves()?);
        command.arg(GUARD_COMMAND).arg("--bin").arg(bin);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let mut guard = command
            // A Ctrl-C at the terminal must not reach the guard: it has to clean up after us.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the guard of PostgreSQL")?;
        let lifeline = guard.stdin.take();
        let output = guard.stdout.take().expect("the guard's output is piped");
        let mut cluster = Self {
            guard,
            lifeline,
            url: String::new(),
        };

        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .context("cannot read from the guard of PostgreSQL")?;
        line.trim_end().clone_into(&mut cluster.url);
        if cluster.url.is_empty() {
            cluster.stop()?;
            bail!("PostgreSQL did not start");
        }
        Ok(cluster)
    }

    /// Lets a command find the server.
    pub fn visible_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(URL_VARIABLE, &self.url)
    }

    /// Ends the server, and fails when it had died before or left something behind.
    pub fn stop(mut self) -> Result<()> {
        let status = self
            .end()
            .context("cannot wait for the guard of PostgreSQL")?;
        if !status.success() {
            bail!("PostgreSQL failed, as its guard says above ({status})");
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<ExitStatus> {
        drop(self.lifeline.take());
        self.guard.wait()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What failed, failed before us; the guard itself says what it could not clean up.
        let _ = self.end();
    }
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
