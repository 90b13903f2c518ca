//! `cargo xtask postgres`: a private, throw-away PostgreSQL for tests.
//!
//! Owns the life of such a server as its users see it: [`Cluster`] runs while it is held. The
//! server belongs to a second process, the guard ([`guard`]), as [`crate::guarded`] explains.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::guarded::{Guarded, code_of};
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
            println!("{}", cluster.0.address);
            if let Ended::Child(status) = wait_for_end_of_input(cluster.0.guard())? {
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

/// A running server, which ends with this value or with this process.
pub struct Cluster(Guarded);

impl Cluster {
    /// Starts a server from the programs in `bin`, in the folder `data` or a temporary one.
    pub fn start(bin: &Path, data: Option<&Path>) -> Result<Self> {
        let guarded = Guarded::start("PostgreSQL", &mut |command| {
            command.arg(GUARD_COMMAND).arg("--bin").arg(bin);
            if let Some(data) = data {
                command.arg("--data").arg(data);
            }
        })?;
        Ok(Self(guarded))
    }

    /// Lets a command find the server.
    pub fn visible_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(URL_VARIABLE, &self.0.address)
    }

    /// Ends the server, and fails when it had died before or left something behind.
    pub fn stop(self) -> Result<()> {
        self.0.stop()
    }
}
