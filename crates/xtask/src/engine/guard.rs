//! The guard: the process that owns the engines, and ends them when the one that asked is gone.
//!
//! It promises that no process, mount, bridge, control group or folder outlives its standard
//! input. Should the guard itself be killed, the kernel still ends all processes and mounts
//! ([`super::caged`]); the folder, the bridge and empty control groups then stay.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::caged::Caged;
use super::network::Network;
use super::{DOCKER_VARIABLE, PODMAN_VARIABLE, image};
use crate::process::{Ended, wait_for_end_of_input};

/// What the guard is told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run podman too.
    #[arg(long)]
    podman: bool,
}

/// Runs the engines, prints where they are once they answer, and ends them with its input.
pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("longshore-docker-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let network = Network::create()?;
    // A failed start ends what it started by dropping it, engines before network before folder.
    let mut engines = start(folder.path(), &network, arguments.podman)?;
    let line: Vec<_> = engines
        .iter()
        .map(|engine| format!("{}={}", engine.variable, engine.address()))
        .collect();
    // Where nobody reads any more, the end of input follows at once.
    let _ = writeln!(std::io::stdout(), "{}", line.join(" "));

    let docker = engines.first_mut().expect("Docker is always started");
    if let Ended::Child(status) = wait_for_end_of_input(docker.process())? {
        bail!(
            "Docker ended by itself ({status}):\n{}",
            docker.end_of_log()
        );
    }
    close(engines, network, folder)
}

fn start(folder: &Path, network: &Network, podman: bool) -> Result<Vec<Caged>> {
    let image = image::write(folder)?;
    let mut engines = vec![Caged::docker(DOCKER_VARIABLE, folder, network)?];
    if podman {
        engines.push(Caged::podman(PODMAN_VARIABLE, folder, network)?);
    }
    for engine in &mut engines {
        engine.wait_ready()?;
        engine.import(&image)?;
    }
    Ok(engines)
}

/// Ends everything, whatever of it fails, and says all that failed.
fn close(engines: Vec<Caged>, network: Network, folder: TempDir) -> Result<()> {
    let mut failed = Vec::new();
    for engine in engines {
        failed.extend(engine.stop().err());
    }
    failed.extend(network.remove().err());
    let removed = folder.close().context("cannot remove the engines' folder");
    failed.extend(removed.err());
    if failed.is_empty() {
        return Ok(());
    }
    let said: Vec<_> = failed.iter().map(|error| format!("{error:#}")).collect();
    Err(anyhow!(said.join("; besides, ")))
}
