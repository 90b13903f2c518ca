//! Containers of this database that no lease stands for: found by a full listing, and taken away.
//!
//! One that runs is stopped at once: nobody will ever store its end, and its job may run elsewhere. One
//! that has ended, or never started, stays for a while as a tombstone: so that a late create by a
//! worker that stalled finds its name taken. Containers of others are not in the listing at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::HostId;
use longshore_core::executor::{Capability, ExecutorError, Handle, Listed, Phase};
use longshore_core::store::{Recovery as _, StoreResult};
use longshore_fault::point;
use tokio::time::{Instant, sleep};

use crate::machines::{Machine, Placed};
use crate::shift::{Going, Shift};
use crate::supervise::{DEFAULT_STOP_GRACE, stop_for_good};

/// When each orphan that is there now was seen first, by this worker.
type Seen = BTreeMap<(HostId, Handle), Instant>;

/// Looks until its task is ended.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut seen = Seen::new();
    let mut has_warned = false;
    loop {
        // A full listing costs an engine more than a heartbeat costs the store.
        let every = 2 * shift.config.lease_ttl;
        sleep(every.mul_f64(rand::random_range(0.75..=1.0))).await;
        if shift.going() != Going::On || shift.liveness.may_be_fenced() {
            continue;
        }
        match shift.store.bears_anothers_name().await {
            Ok(false) => {}
            Ok(true) => {
                if !has_warned {
                    tracing::warn!(
                        "this database is a copy that bears another's name: containers without a \
                         lease here may be the other's, and are left alone; `longshore doctor` says \
                         what to do"
                    );
                }
                has_warned = true;
                continue;
            }
            Err(error) => {
                tracing::debug!(error = %error, "could not look for orphans");
                continue;
            }
        }
        let mut still = Seen::new();
        for machine in shift.machines.all() {
            if let Err(error) = look_at(&shift, &machine, &seen, &mut still).await {
                tracing::debug!(host.id = machine.id.0, error, "could not look for orphans");
                // What could not be looked at is not forgotten.
                let kept = seen.iter().filter(|((host, _), _)| *host == machine.id);
                still.extend(kept.map(|(key, at)| (key.clone(), *at)));
            }
        }
        seen = still;
    }
}

/// Lists first, and reads the leases then: whatever is listed had its lease before.
async fn look_at(
    shift: &Arc<Shift>,
    machine: &Arc<Machine>,
    seen: &Seen,
    still: &mut Seen,
) -> Result<(), String> {
    if !machine.executor.has(Capability::FullListing) {
        return Ok(());
    }
    let listed = machine.executor.list(&shift.instance).await;
    let listed = listed.map_err(|error: ExecutorError| error.to_string())?;
    let _ = point!("orphans.listed", shift.worker.0).await;
    let live = live(shift, &listed)
        .await
        .map_err(|error| error.to_string())?;
    for (container, is_live) in listed.into_iter().zip(live) {
        if is_live {
            continue;
        }
        let key = (machine.id, container.handle.clone());
        let since = seen.get(&key).copied().unwrap_or_else(Instant::now);
        let placed = Placed {
            machine: Arc::clone(machine),
            handle: container.handle,
        };
        let job = container.identity.job.0;
        match container.phase {
            Phase::Running => {
                tracing::warn!(job.id = job, handle = %placed.handle, "an orphan runs: stopped");
                let stopped = stop_for_good(shift, &placed, DEFAULT_STOP_GRACE);
                let _ = tokio::time::timeout(PATIENCE, stopped).await;
                still.insert(key, since);
            }
            Phase::Created | Phase::Exited if since.elapsed() >= shift.config.tombstone => {
                tracing::info!(job.id = job, handle = %placed.handle, "an orphan is removed");
                shift.removals.remove(placed).await;
            }
            Phase::Created | Phase::Exited => {
                still.insert(key, since);
            }
        }
    }
    Ok(())
}

/// How long a look waits for one orphan to stop: the next look finds it again.
const PATIENCE: Duration = Duration::from_secs(30);

async fn live(shift: &Shift, listed: &[Listed]) -> StoreResult<Vec<bool>> {
    let attempts: Vec<_> = listed
        .iter()
        .map(|container| (container.identity.job, container.identity.attempt))
        .collect();
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    shift.store.are_live(&attempts).await
}
