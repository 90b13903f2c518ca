//! Periodic passes that any worker may make: they take no input, are idempotent, and return what
//! they did. Two workers that make one at once do no harm.

use std::time::Duration;

use longshore_core::store::{Pruned, Retention, StoreResult, Upkeep as _};
use tokio::time::{Instant, sleep};

use crate::retrying::Retrying;

/// Between two short passes, jittered so that a fleet spreads them.
const SHORT_PASS: std::ops::RangeInclusive<f64> = 5.0..=10.0;
/// Between two long passes.
const LONG_PASS: Duration = Duration::from_hours(1);
/// A worker's first long pass comes within this time, jittered likewise.
const FIRST_LONG_PASS: Duration = Duration::from_mins(5);
/// The most rows of one call.
const BATCH: u32 = 1000;
/// The most calls of one pass, so that passes of the other kind come between: what is left is the
/// next pass's, which then comes soon.
const MAX_CALLS: u32 = 20;

/// What a pass did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Swept {
    /// Due jobs that moved to their lines.
    pub staged: u64,
    /// Jobs that had waited for too long.
    pub expired: u64,
    /// Jobs that had waited for long enough to move up one priority.
    pub aged: u64,
    /// What was taken away for its age.
    pub pruned: Pruned,
}

/// Moves what is due, ends what has waited for too long, and moves up what has waited for long in a
/// queue that ages its jobs.
pub async fn short_pass(store: &Retrying) -> StoreResult<Swept> {
    let mut swept = Swept::default();
    for _ in 0..MAX_CALLS {
        let staged = store.stage_due(BATCH).await?;
        swept.staged += staged;
        if staged < u64::from(BATCH) {
            break;
        }
    }
    for _ in 0..MAX_CALLS {
        let expired = store.expire_waiting(BATCH).await?.len() as u64;
        swept.expired += expired;
        if expired == 0 {
            break;
        }
    }
    for _ in 0..MAX_CALLS {
        let aged = store.age_waiting(BATCH).await?.len() as u64;
        swept.aged += aged;
        if aged < u64::from(BATCH) {
            break;
        }
    }
    Ok(swept)
}

/// Ends everything that has waited for too long.
pub(crate) async fn expire(store: &Retrying) -> StoreResult<()> {
    while !store.expire_waiting(BATCH).await?.is_empty() {}
    Ok(())
}

/// Makes ready what storage needs, and takes away what is older than the retention: also when
/// storage could not be made ready, since a full disk may be why.
pub async fn long_pass(store: &Retrying, retention: Retention) -> StoreResult<Swept> {
    let tended = store.tend_storage(retention).await;
    let mut swept = Swept::default();
    if retention.keep >= Retention::FOREVER {
        return tended.map(|()| swept);
    }
    for _ in 0..MAX_CALLS {
        let pruned = store.prune(retention).await?;
        swept.pruned.jobs += pruned.jobs;
        swept.pruned.attempts += pruned.attempts;
        swept.pruned.more = pruned.more;
        if !pruned.more {
            break;
        }
    }
    tended.map(|()| swept)
}

/// Makes passes until its task is ended.
pub(crate) async fn run(store: Retrying, retention: Retention) {
    let first = FIRST_LONG_PASS.mul_f64(rand::random());
    let mut long_pass_at = Instant::now() + first;
    loop {
        sleep(Duration::from_secs_f64(rand::random_range(SHORT_PASS))).await;
        note("short pass", short_pass(&store).await);
        if Instant::now() >= long_pass_at {
            let swept = long_pass(&store, retention).await;
            // What is left would grow from one hour to the next: go on after the next short pass.
            let is_behind = swept.as_ref().is_ok_and(|swept| swept.pruned.more);
            if !is_behind {
                long_pass_at = Instant::now() + LONG_PASS.mul_f64(rand::random_range(0.75..=1.0));
            }
            note("long pass", swept);
        }
    }
}

fn note(pass: &'static str, swept: StoreResult<Swept>) {
    match swept {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => tracing::info!(
            pass,
            staged = swept.staged,
            expired = swept.expired,
            aged = swept.aged,
            pruned = swept.pruned.jobs,
            "kept house"
        ),
        // The next pass does what this one could not.
        Err(error) => tracing::warn!(pass, error = %error, "could not keep house"),
    }
}
