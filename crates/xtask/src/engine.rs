//! `cargo xtask docker`: private, throw-away container engines for tests.
//!
//! Owns the life of the engines as their users see it: [`Engines`] run while they are held, under
//! a guard as [`crate::guarded`] explains. They share the machine's network, so that a registry
//! on the loopback device is theirs too, but no process, mount, folder, bridge or rule of the
//! firewall with another engine. An engine that the environment names is used as it is.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::guarded::{Guarded, code_of};
use crate::process::{Ended, wait_for_end_of_input};

mod caged;
mod guard;
mod image;
mod network;
pub mod tools;

pub use guard::{Arguments as GuardArguments, run as run_guard};

/// The hidden command under which our own program becomes the guard.
pub const GUARD_COMMAND: &str = "docker-guard";

/// Where tests look for Docker.
const DOCKER_VARIABLE: &str = "LONGSHORE_TEST_DOCKER";
/// Where tests look for podman.
const PODMAN_VARIABLE: &str = "LONGSHORE_TEST_PODMAN";

/// What a person may say about the engines.
#[derive(clap::Args)]
pub struct Arguments {
    /// Insist on podman: install it or fail, rather than use it only where it is found.
    #[arg(long)]
    podman: bool,
    /// Run this and end with its exit code, rather than wait for Ctrl-C or end of input.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the engines for the length of a command, or until Ctrl-C or the end of standard input.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut engines = Engines::start(arguments.podman)?;
    let code = match arguments.command.split_first() {
        None => {
            println!("{}", engines.said());
            engines.wait()?;
            ExitCode::SUCCESS
        }
        Some((program, rest)) => {
            let status = engines
                .visible_to(Command::new(program).args(rest))
                .status()
                .with_context(|| format!("cannot start `{}`", program.display()))?;
            ExitCode::from(code_of(status))
        }
    };
    engines.stop()?;
    Ok(code)
}

/// Running engines, which end with this value or with this process.
pub enum Engines {
    /// Ours.
    Private(Guarded),
    /// Somebody's, named in the environment, which every command inherits.
    Given,
}

impl Engines {
    /// Starts Docker, and podman where it is found or `podman` insists; or takes what is given.
    pub fn start(podman: bool) -> Result<Self> {
        if Self::are_given() {
            if podman && env::var_os(PODMAN_VARIABLE).is_none() {
                bail!(
                    "{DOCKER_VARIABLE} names an engine, so none is started, but podman is asked for: name one in {PODMAN_VARIABLE} too, or unset {DOCKER_VARIABLE}"
                );
            }
            return Ok(Self::Given);
        }
        let podman = tools::find_or_install(podman)?;
        let guarded = Guarded::start("the container engine", &mut |command| {
            command.arg(GUARD_COMMAND);
            if podman {
                command.arg("--podman");
            }
        })?;
        Ok(Self::Private(guarded))
    }

    /// Whether the environment names an engine.
    pub fn are_given() -> bool {
        env::var_os(DOCKER_VARIABLE).is_some()
    }

    /// Lets a command find the engines.
    pub fn visible_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Private(guarded) => command.envs(variables(&guarded.address)),
            Self::Given => command,
        }
    }

    /// Ends the engines, and fails when one had died before or left something behind.
    pub fn stop(self) -> Result<()> {
        match self {
            Self::Private(guarded) => guarded.stop(),
            Self::Given => Ok(()),
        }
    }

    fn said(&self) -> String {
        match self {
            Self::Private(guarded) => guarded.address.replace(' ', "\n"),
            Self::Given => format!("{DOCKER_VARIABLE} is set already: nothing was started"),
        }
    }

    fn wait(&mut self) -> Result<()> {
        match self {
            Self::Private(guarded) => {
                if let Ended::Child(status) = wait_for_end_of_input(guarded.guard())? {
                    bail!("an engine ended by itself; its guard {status}");
                }
                Ok(())
            }
            Self::Given => Ok(()),
        }
    }
}

/// What the guard's line sets: `NAME=value`, apart by blanks.
fn variables(line: &str) -> Vec<(&str, &str)> {
    line.split(' ')
        .filter_map(|word| word.split_once('='))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guards_line_is_read_as_variables() {
        assert_eq!(
            variables("A=unix:///a/b.sock B=unix:///c=d"),
            [("A", "unix:///a/b.sock"), ("B", "unix:///c=d")]
        );
        assert_eq!(variables(""), []);
    }
}
