//! Which engine this is, and which run of it.
//!
//! An engine has an id of its own, but its API has no boot id. What it has is the network
//! `bridge`: the engine makes it anew, with a new id, whenever it starts and finds no container
//! that it kept running (live-restore). So that id, the *epoch*, changes with every boot of the
//! host and with every restart of the engine that ended its containers, and with nothing else:
//! just what a boot id is asked for. It is the same over every connection, which the kernel's own
//! boot id (to be had only beside a local socket) would not be. An engine without that network
//! (`--bridge=none`, podman) has no epoch; its boot id is then `unknown`, and nothing is concluded
//! from it.

use std::fmt::Write as _;
use std::fs;

use bollard::models::SystemInfo;
use longshore_core::executor::ExecutorError;
use longshore_core::host::HostFacts;
use sha2::{Digest as _, Sha256};

use crate::engine::Engine;

/// What stands for a boot id that can't be known. It never changes, so it proves nothing.
const UNKNOWN: &str = "unknown";

/// What a store is told of the engine.
pub(crate) async fn facts(engine: &Engine, executor: &str) -> Result<HostFacts, ExecutorError> {
    let info = engine.info().await?;
    let epoch = epoch(engine).await?;
    let name = info.name.clone().unwrap_or_default();
    Ok(HostFacts {
        executor: executor.to_owned(),
        identity: identity_by(engine, info).await?,
        boot_id: epoch.unwrap_or_else(|| UNKNOWN.to_owned()),
        name,
    })
}

/// Which engine this is.
pub(crate) async fn identity(engine: &Engine) -> Result<String, ExecutorError> {
    let info = engine.info().await?;
    identity_by(engine, info).await
}

async fn identity_by(engine: &Engine, info: SystemInfo) -> Result<String, ExecutorError> {
    Ok(match info.id.unwrap_or_default() {
        // Podman makes up another one for every answer.
        id if id.is_empty() || engine.is_podman().await? => {
            let name = info.name.unwrap_or_default();
            let root = info.docker_root_dir.unwrap_or_default();
            let machine = fs::read_to_string("/etc/machine-id").ok();
            identity_of_podman(&name, &root, engine.address(), machine.as_deref())
        }
        id => id,
    })
}

/// What stands for the id that podman lacks: its machine's name, for people, and a hash of what
/// tells it from others of that name: where it keeps its containers (root's podman and each user's
/// have folders of their own), and which machine it is on. Behind a socket that is this machine, by
/// its own id; behind anything else the address is all that is known of it. So one podman that is
/// reached in two ways counts as two, which is harmless; two that counted as one would vouch for
/// each other's containers.
fn identity_of_podman(name: &str, root: &str, address: &str, machine_id: Option<&str>) -> String {
    let machine = match machine_id.map(str::trim) {
        Some(id) if address.starts_with("unix:") && !id.is_empty() => id,
        Some(_) | None => address,
    };
    let hash = Sha256::digest(format!("{machine}\n{root}"));
    let hash = hash.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string works");
        text
    });
    format!("podman:{name}:{hash}")
}

/// Which run of the engine this is, if it can be told.
pub(crate) async fn epoch(engine: &Engine) -> Result<Option<String>, ExecutorError> {
    if engine.is_podman().await? {
        // It has a network of that name, whose id never changes.
        return Ok(None);
    }
    let id = engine.network_id("bridge").await?;
    Ok(id.map(|id| id.chars().take(16).collect()))
}

/// Whether containers go on while the engine is restarted.
pub(crate) async fn has_live_restore(engine: &Engine) -> Result<bool, ExecutorError> {
    let info = engine.info().await?;
    Ok(info.live_restore_enabled.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn podmans_of_one_name_are_told_apart_by_machine_and_by_user() {
        let socket = "unix:///run/podman/podman.sock";
        let ids = [
            ("/var/lib/containers/storage", socket, Some("aa\n")),
            ("/var/lib/containers/storage", socket, Some("bb\n")),
            (
                "/home/u/.local/share/containers/storage",
                socket,
                Some("aa\n"),
            ),
            ("/var/lib/containers/storage", "tcp://a:2375", Some("aa\n")),
            ("/var/lib/containers/storage", "tcp://b:2375", Some("aa\n")),
            ("/var/lib/containers/storage", socket, None),
        ]
        .map(|(root, address, machine)| identity_of_podman("box", root, address, machine));
        let apart: BTreeSet<_> = ids.iter().collect();
        assert_eq!(apart.len(), ids.len(), "{ids:?}");
        assert!(
            ids.iter().all(|id| id.starts_with("podman:box:")),
            "{ids:?}"
        );
    }

    #[test]
    fn one_podman_behind_two_sockets_of_one_machine_is_one() {
        let root = "/var/lib/containers/storage";
        let [one, other] = ["unix:///run/podman/podman.sock", "unix:///run/other.sock"]
            .map(|address| identity_of_podman("box", root, address, Some("aa")));
        assert_eq!(one, other);
    }
}
