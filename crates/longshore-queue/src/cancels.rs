//! Asks the store how our leases stand, on every hint and every poll: a person may have asked for
//! a job's end, or another worker may have taken over.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{LeaseKey, LeaseStatus, Leases as _, StoreResult};
use longshore_fault::point;
use tokio::time::sleep;

use crate::shift::Shift;

/// The least time between two looks: hints come with every commit of a busy database.
const MIN_GAP: Duration = Duration::from_millis(100);

/// The most leases of one question. A worker has at most as many as one acquisition brings.
const MAX_ASKED: usize = 1000;

/// Looks until the shift ends.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut hints = shift.hints.listen();
    loop {
        let poll = shift
            .config
            .poll_interval
            .mul_f64(rand::random_range(0.75..=1.0));
        tokio::select! {
            () = hints.rung() => {}
            () = sleep(poll) => {}
        }
        hints.looking();
        if let Err(error) = once(&shift).await {
            tracing::debug!(error = %error, "could not ask how the leases stand");
        }
        sleep(MIN_GAP).await;
    }
}

/// One look: passes on what the store says. Says how many leases it asked about.
pub(crate) async fn once(shift: &Shift) -> StoreResult<usize> {
    let live = shift.roll.live();
    for part in live.chunks(MAX_ASKED) {
        let keys: Vec<LeaseKey> = part.iter().map(|(key, _)| *key).collect();
        let statuses = shift.store.check_leases(&keys).await?;
        for ((key, entry), status) in part.iter().zip(statuses) {
            if status == LeaseStatus::CancelRequested {
                let _ = point!("cancel.noticed", key.job.0).await;
            }
            // An attempt whose end is being stored is off the store before it is off the roll,
            // and "lost" is said of it. It does not listen any more, so that harms nothing.
            entry.orders.heed(status);
        }
    }
    Ok(live.len())
}
