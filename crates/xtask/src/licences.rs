//! The licence step: every dependency comes from the registry, under a licence we may ship.
//!
//! Owns how `cargo-deny` is found or built; the rules stand in `deny.toml`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::metadata::cargo;
use crate::process::check;

/// The version whose format `deny.toml` is written in.
const CARGO_DENY: &str = "^0.20";

/// Checks licences, bans and sources of the workspace at `root`.
pub fn run(root: &Path) -> Result<()> {
    let is_installed = Command::new(cargo())
        .args(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !is_installed {
        install(root)?;
    }
    // Not `advisories`: their database comes over the network, and could fail a change that has
    // nothing to do with it.
    check(
        Command::new(cargo())
            .args(["deny", "check", "licenses", "bans", "sources"])
            .current_dir(root),
    )
}

fn install(root: &Path) -> Result<()> {
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
                CARGO_DENY,
            ])
            .current_dir(root),
    )
}
