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

use longshore_core::executor::ExecutorError;
use longshore_core::host::HostFacts;

use crate::engine::Engine;

/// What stands for a boot id that can't be known. It never changes, so it proves nothing.
const UNKNOWN: &str = "unknown";

/// What a store is told of the engine.
pub(crate) async fn facts(engine: &Engine, executor: &str) -> Result<HostFacts, ExecutorError> {
    let info = engine.info().await?;
    let epoch = epoch(engine).await?;
    let name = info.name.unwrap_or_default();
    let identity = match info.id.unwrap_or_default() {
        // Podman makes up another one for every answer.
        id if id.is_empty() || engine.is_podman().await? => format!("podman:{name}"),
        id => id,
    };
    Ok(HostFacts {
        executor: executor.to_owned(),
        identity,
        boot_id: epoch.unwrap_or_else(|| UNKNOWN.to_owned()),
        name,
    })
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
