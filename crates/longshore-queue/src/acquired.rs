//! A job between its acquisition and its launch: [`AcquiredJob`].
//!
//! Owns that it is launched, handed back, or, when nobody cares any more, unknown from then on:
//! which the next reconciling pass turns into a hand-back. A drain that begins first hands it back
//! itself.

use std::sync::Arc;

use longshore_core::store::Lease;
use tokio::sync::oneshot;

use crate::crew::Crew;
use crate::manager::LaunchFailure;
use crate::orders::Orders;
use crate::served::Served;

/// A job that was acquired and waits for its launch.
pub struct AcquiredJob {
    lease: Lease,
    orders: Orders,
    served: Arc<Served>,
    /// None once it was launched or handed back.
    crew: Option<Arc<Crew>>,
}

impl AcquiredJob {
    pub(crate) fn new(
        (lease, orders): (Lease, Orders),
        served: Arc<Served>,
        crew: Arc<Crew>,
    ) -> Self {
        Self {
            lease,
            orders,
            served,
            crew: Some(crew),
        }
    }

    /// The right to it, and what to run.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Launches it. Returns when it has started or failed to; it is supervised in the background.
    /// A failure too when its manager was closed before: then it is back in its line.
    pub async fn launch(mut self) -> Result<(), LaunchFailure> {
        let job = self.lease.key.job;
        let Some(crew) = self.crew.take() else {
            return Err(LaunchFailure::given_up(job));
        };
        let (started, answer) = oneshot::channel();
        let held = (self.lease.clone(), self.orders.clone());
        crew.take(&self.served, held, None, Some(started));
        answer
            .await
            .unwrap_or_else(|_| Err(LaunchFailure::given_up(job)))
    }

    /// Gives it back to its line, uncounted. Waits until that is stored, for as long as the
    /// database is away. Cancellation-safe: it is handed back all the same.
    pub async fn hand_back(mut self) {
        if let Some(crew) = self.crew.take()
            && crew.shift.roll.claim(self.lease.key)
        {
            // An error means that the crew gave up: its report says so.
            let _ = crew.hand_back(self.lease.key).await;
        }
    }
}

impl Drop for AcquiredJob {
    fn drop(&mut self) {
        if let Some(crew) = self.crew.take()
            && crew.shift.roll.claim(self.lease.key)
        {
            crew.shift.tally.change(|report| report.handed_back += 1);
            crew.shift.roll.strike(self.lease.key);
            crew.shift.reconcile.ring();
        }
    }
}

impl std::fmt::Debug for AcquiredJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AcquiredJob").field(&self.lease.key).finish()
    }
}
