//! Hands back leases that the store says we hold and we know nothing of.
//!
//! They come from acquisitions whose reply was lost (PROTOCOL section 3): nobody would ever launch
//! or finish them, and each would hold a slot for ever.

use std::sync::Arc;

use longshore_core::store::{Finish, FinishOutcome, Leases as _, StoreResult};
use longshore_fault::{bug, point};

use crate::metrics::leases_reconciled;
use crate::shift::{Going, Shift, hand_back};

/// Reconciles after every heartbeat, and after every acquisition without a reply.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut due = shift.reconcile.listen();
    loop {
        due.rung().await;
        if let Err(error) = once(&shift).await {
            // The next heartbeat rings again.
            tracing::debug!(error = %error, "could not reconcile the leases");
        }
    }
}

/// One pass: idempotent, and returns how many leases went back.
pub(crate) async fn once(shift: &Shift) -> StoreResult<u64> {
    if shift.going() == Going::Fenced {
        return Ok(0); // They are others' to judge.
    }
    let held = shift.store.leases_of(shift.worker).await?;
    let _ = point!("reconcile.listed", shift.worker.0).await;
    let unknown = shift.roll.unknown(&held);
    if unknown.is_empty() || bug!("unknown_leases_kept") {
        return Ok(0);
    }
    let _ = point!("reconcile.before_hand_back", shift.worker.0).await;
    let finishes: Vec<Finish> = unknown.iter().map(|key| hand_back(*key)).collect();
    let outcomes = shift.store.finish(&finishes).await?;
    let is_back = |outcome: &&FinishOutcome| match outcome {
        FinishOutcome::Finished | FinishOutcome::Cancelled => true,
        FinishOutcome::AlreadyFinished | FinishOutcome::LeaseLost | FinishOutcome::Illegal(_) => {
            false
        }
    };
    let back = outcomes.iter().filter(is_back).count() as u64;
    if back > 0 {
        tracing::warn!(back, "leases without a reply were handed back");
        shift.tally.change(|report| report.reconciled += back);
        leases_reconciled().increment(back);
        shift.look.ring();
    }
    Ok(back)
}
