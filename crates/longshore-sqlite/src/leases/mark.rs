//! The fence before a start, and what a launch says of itself.

use longshore_core::HostId;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{FenceOutcome, LeaseKey, LeaseStatus, MAX_NOTE_BYTES};
use rusqlite::named_params;

use super::status;
use crate::error::Outcome;
use crate::rows::column;
use crate::tx::Tx;
use crate::{registry, sql};

/// What is stored of a launch.
pub(super) struct Launched {
    pub lease: LeaseKey,
    pub host: HostId,
    pub handle: Handle,
    pub demand: Demand,
}

/// Looks and stores within one transaction of the one writer, so that nobody else fills the host, or
/// disables it, in between.
pub(super) fn launched(tx: &Tx<'_>, launched: &Launched) -> Outcome<FenceOutcome> {
    let Launched {
        lease,
        host,
        handle,
        demand,
    } = launched;
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
    };
    let found = tx.maybe(sql!("mark_launched_lease"), params, |row| {
        let cancel_requested: bool = row.get("cancel_requested")?;
        let placed_on: Option<i64> = row.get("host_id")?;
        Ok((cancel_requested, placed_on))
    })?;
    // Before what became of the lease is answered: an unknown host is an error whatever that is.
    let known = registry::host(tx, *host)?;
    let Some((cancel_requested, placed_on)) = found else {
        return Ok(FenceOutcome::Lost);
    };
    let is_there_already = placed_on == Some(host.0);
    if !is_there_already && !cancel_requested {
        if !known.enabled {
            return Ok(FenceOutcome::HostDisabled);
        }
        if let Some(lack) = known.lack(*demand) {
            return Ok(FenceOutcome::HostFull(lack));
        }
    }
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
        ":host": host.0,
        ":handle": handle.0,
        ":memory_bytes": column(demand.memory_bytes),
        ":millicpus": column(demand.millicpus),
    };
    tx.execute(sql!("mark_launched"), params)?;
    Ok(if cancel_requested {
        FenceOutcome::CancelRequested
    } else {
        FenceOutcome::Stored
    })
}

pub(super) fn note(tx: &Tx<'_>, lease: LeaseKey, note: &str) -> Outcome<LeaseStatus> {
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
        ":note": &note[..note.floor_char_boundary(MAX_NOTE_BYTES)],
    };
    tx.maybe(sql!("note_launch"), params, |row| row.get(0))
        .map(status)
}
