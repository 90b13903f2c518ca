//! The licence step: every dependency comes from the registry, under a licence we may ship.
//!
//! Owns how `cargo-deny` is found or built; the rules stand in `deny.toml`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::metadata::cargo;
use crate::process::check;

/// The oldest version (major, minor) that reads `deny.toml`: an older one knows another format, and
/// would only say that ours is wrong.
const OLDEST: (u32, u32) = (0, 20);

/// Checks licences, bans and sources of the workspace at `root`.
pub fn run(root: &Path) -> Result<()> {
    match find() {
        Found::Fit => {}
        Found::Nothing => install(root)?,
        // Not replaced: other work on this machine may need just that version.
        Found::Unfit { version } => {
            let (major, minor) = OLDEST;
            bail!(
                "deny.toml needs cargo-deny {major}.{minor} or newer, but `cargo deny --version` \
                 says `{version}`: bring it up to date with `cargo install cargo-deny --locked`, \
                 or leave this step out with `--quick`"
            )
        }
    }
    // Not `advisories`: their database comes over the network, and could fail a change that has
    // nothing to do with it.
    check(
        Command::new(cargo())
            .args(["deny", "check", "licenses", "bans", "sources"])
            .current_dir(root),
    )
}

/// Which cargo-deny is on this machine.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Fit,
    /// One that is too old, or does not say which it is.
    Unfit {
        version: String,
    },
}

fn find() -> Found {
    // Cargo fails where it has no such command.
    match Command::new(cargo()).args(["deny", "--version"]).output() {
        Ok(output) if output.status.success() => judge(&String::from_utf8_lossy(&output.stdout)),
        Ok(_) | Err(_) => Found::Nothing,
    }
}

/// Whether what `cargo deny --version` printed (`cargo-deny 0.20.2`) is new enough.
fn judge(printed: &str) -> Found {
    let said = printed.trim();
    let version = || {
        let mut numbers = said.strip_prefix("cargo-deny ")?.split('.');
        let major: u32 = numbers.next()?.parse().ok()?;
        let minor: u32 = numbers.next()?.parse().ok()?;
        Some((major, minor))
    };
    match version() {
        Some(version) if version >= OLDEST => Found::Fit,
        Some(_) | None => Found::Unfit {
            version: said.to_owned(),
        },
    }
}

fn install(root: &Path) -> Result<()> {
    let (major, minor) = OLDEST;

    eprintln!("cargo-deny is missing: building it, once for this machine");
    // Unoptimised: on two cores it is built in 90 s rather than 220 s, and checks in 2 s.
    check(
        Command::new(cargo())
            .args([
                "install",
                "cargo-deny",
                "--locked",
                "--debug",
                "--version",
                &format!("^{major}.{minor}"),
            ])
            .current_dir(root),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_that_the_rules_are_written_for_and_newer_ones_are_fit() {
        for version in ["0.20.0", "0.20.2", "0.21.0-rc.1", "1.0.0"] {
            assert_eq!(judge(&format!("cargo-deny {version}\n")), Found::Fit);
        }
    }

    #[test]
    fn an_older_version_is_unfit_and_named() {
        for version in ["0.19.9", "0.14.3", "0.2.0"] {
            let version = format!("cargo-deny {version}");
            assert_eq!(judge(&format!("{version}\n")), Found::Unfit { version });
        }
    }

    #[test]
    fn what_does_not_say_its_version_is_unfit() {
        for printed in ["", "0.20.2", "cargo-deny", "cargo-deny next"] {
            let version = printed.to_owned();
            assert_eq!(judge(printed), Found::Unfit { version });
        }
    }
}
