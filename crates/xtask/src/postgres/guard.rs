//! The guard: the process that owns the server, and ends it when the one that asked is gone.
//!
//! It promises that no server and no temporary folder outlive its standard input. Should the
//! guard itself be killed, [`super::server`] lets the kernel end the server at least.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::home::Home;
use super::server::Server;
use crate::process::{Ended, wait_for_end_of_input};

/// What the guard is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of PostgreSQL's server programs.
    #[arg(long)]
    bin: PathBuf,
    /// The folder to keep the cluster in; without it, a temporary one.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Runs a server, prints its URL once it answers, and ends it when standard input ends.
pub fn run(arguments: &Arguments) -> Result<()> {
    let home = Home::open(&arguments.bin, arguments.data.as_deref())?;
    let mut server = Server::start(&home)?;
    // Where nobody reads any more, the end of input follows at once.
    let _ = writeln!(std::io::stdout(), "{}", server.url());

    if let Ended::Child(status) = wait_for_end_of_input(server.process())? {
        eprintln!("{}", home.end_of_log());
        bail!("PostgreSQL ended by itself ({status}); the end of its log stands above");
    }
    server.stop()?;
    home.close()
}
