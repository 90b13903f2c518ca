//! `cargo xtask chaos`: a fleet under load, and what befalls it, in a release build.
//!
//! Owns that PostgreSQL's programs are there. The cells themselves are a bench of the product's crate,
//! which starts servers of its own: they are made to be stopped.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::metadata::cargo;
use crate::postgres::binaries;
use crate::process::check;

/// What a person may say about the cells.
#[derive(clap::Args)]
#[command(disable_help_flag = true)] // the cells' own help says more
pub struct Arguments {
    /// Passed on to the cells: some of their names, `--soak 30`; `--help` lists all.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

/// Builds them, and plays them.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    binaries::find_or_install()?;
    let mut command = Command::new(cargo());
    command
        .args([
            "bench",
            "-p",
            "longshore",
            "--bench",
            "chaos",
            "--locked",
            "--",
        ])
        .args(&arguments.arguments)
        .current_dir(root);
    check(&mut command)
}
