//! Continuing what the dead left behind: leases of workers that died, stalled or said goodbye.
//!
//! Owns when this worker asks for them, and that each that it gets has a task at once. What becomes
//! of a single one is [`crate::launch`]'s to find out; who has died is the store's.

mod orphans;

use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{
    LeaseKey, Leases as _, Recovery as _, Registry as _, StoreResult, TakeOverRequest, TakenOver,
};
use longshore_fault::point;
use tokio::time::sleep;

pub(crate) use self::orphans::run as look_for_orphans;
use crate::attempt::Attempt;
use crate::crew::Attempts;
use crate::fault::unanswered;
use crate::served::Served;
use crate::shift::{Going, Shift};

/// A look comes this often within a lease's time, so that it is not over for long before somebody
/// notices.
const LOOKS_PER_LEASE: u32 = 10;
/// The least time between two looks, for leases of a second.
const MIN_GAP: Duration = Duration::from_millis(100);

/// Looks until its task is ended.
pub(crate) async fn run(shift: Arc<Shift>, attempts: Attempts) {
    let every = (shift.config.lease_ttl / LOOKS_PER_LEASE).max(MIN_GAP);
    loop {
        let more = match once(&shift, &attempts).await {
            Ok(taken) => taken >= TakeOverRequest::MAX_WANT as usize,
            Err(error) => {
                tracing::debug!(error = %error, "could not look for leases of dead workers");
                false
            }
        };
        if !more {
            sleep(every.mul_f64(rand::random_range(0.75..=1.0))).await;
        }
    }
}

/// One look: every lease that it brings gets a task. Says how many it brought.
pub(crate) async fn once(shift: &Arc<Shift>, attempts: &Attempts) -> StoreResult<usize> {
    if shift.going() != Going::On || !shift.liveness.may_judge() {
        return Ok(0);
    }
    let Some(heard_at) = shift.liveness.heard_at() else {
        return Ok(0);
    };
    let unknown = if shift.roll.has_lost_take_overs() {
        let held = shift.store.leases_of(shift.worker).await?;
        shift.roll.unknown_take_overs(&held)
    } else {
        Vec::new()
    };
    let Some(acquiring) = shift.roll.acquiring() else {
        return Ok(0);
    };
    let request = TakeOverRequest {
        worker: shift.worker,
        want: TakeOverRequest::MAX_WANT,
        acquire_number: acquiring.number,
        heard_at,
        again: shift.roll.unsure().into_iter().chain(unknown).collect(),
    };
    // The call keeps its number in flight for as long as it may still commit.
    let store = shift.store.holding(acquiring.clone());
    let by = shift.worker.0;
    let call = async {
        unanswered("take_over", point!("recover.before_send", by).await)?;
        let reply = store.take_over(&request).await;
        unanswered("take_over", point!("recover.answered", by).await)?;
        reply
    };
    let taken = match call.await {
        Ok(taken) => taken,
        Err(error) => {
            // The reply may be lost and the leases ours: they are asked for again.
            shift.roll.take_over_lost();
            return Err(error);
        }
    };
    let mut held = Vec::with_capacity(taken.len());
    for one in taken {
        match served_for(shift, &one).await {
            Some(served) => held.push((served, one)),
            None => shift.roll.take_over_lost(),
        }
    }
    let leases: Vec<_> = held
        .iter()
        .map(|(served, one)| (served, &one.lease))
        .collect();
    // Not those that it could do nothing with: a look that brought only these is not repeated at once.
    let count = held.len();
    let Some(orders) = acquiring.admit_taken_over(&leases) else {
        return Ok(0); // It drains: whoever comes next takes them over.
    };
    for ((served, taken), orders) in held.into_iter().zip(orders) {
        begin(shift, attempts, served, taken, orders);
    }
    Ok(count)
}

/// Starts the task of one lease. No await in here: whatever was admitted has its task.
fn begin(
    shift: &Arc<Shift>,
    attempts: &Attempts,
    served: Arc<Served>,
    taken: TakenOver,
    orders: crate::orders::Orders,
) {
    let key = taken.lease.key;
    let old = LeaseKey {
        token: taken.last_token,
        ..key
    };
    tracing::warn!(
        job.id = key.job.0,
        attempt = key.attempt.0,
        from.worker.id = taken.from.0,
        worker.id = shift.worker.0,
        "took over a lease"
    );
    // Where it was our own: whoever had it here under its old token lets go of it.
    shift.roll.superseded(old);
    shift.tally.change(|report| {
        report.acquired += 1;
        report.taken_over += 1;
    });
    let attempt = Attempt {
        lease: taken.lease.clone(),
        served,
        orders,
        // One that runs is supervised whether or not there is a slot for it.
        permit: shift.slots.try_one(),
        started: None,
        taken: Some(Box::new(taken)),
    };
    attempts.spawn(attempt.run(Arc::clone(shift)));
}

/// The queue of a lease: one that this worker serves, or whichever it is, where only the host counts.
async fn served_for(shift: &Shift, taken: &TakenOver) -> Option<Arc<Served>> {
    let id = taken.lease.queue;
    let served = shift.served();
    if let Some(known) = served.iter().find(|served| served.queue.id == id) {
        return Some(Arc::clone(known));
    }
    let queues = match shift.store.queues().await {
        Ok(queues) => queues,
        Err(error) => {
            tracing::debug!(error = %error, "can't look up the queue of a lease");
            return None;
        }
    };
    let queue = queues.into_iter().find(|queue| queue.id == id)?;
    shift.machines.serve_whatever(queue).map(Arc::new)
}
