//! A worker's launch slots: [`Slots`].
//!
//! Owns the bound on how much one worker has in its hands (`--max-concurrent`): a permit for each
//! job, taken before the job is acquired and given back at its end. Never a queue's limit: that is
//! counted from leases, by the store.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many permits as a worker may have jobs.
#[derive(Debug)]
pub(crate) struct Slots(Arc<Semaphore>);

impl Slots {
    pub fn new(max_concurrent: u32) -> Self {
        Self(Arc::new(Semaphore::new(max_concurrent as usize)))
    }

    /// A slot, if one is free now.
    pub fn try_one(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(1).ok()
    }

    /// Waits for a free slot and takes all that are free. Cancellation-safe.
    pub async fn all_free(&self) -> Free {
        let mut free = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .expect("nobody closes this semaphore");
        let more = u32::try_from(self.0.available_permits()).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.0).try_acquire_many_owned(more) {
            free.merge(more);
        }
        Free(free)
    }
}

/// The slots of one round. Those that no job took are free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Free(OwnedSemaphorePermit);

impl Free {
    /// How many are left.
    pub fn count(&self) -> usize {
        self.0.num_permits()
    }

    /// The slot of one job; none when there are none left.
    pub fn take_one(&mut self) -> Option<OwnedSemaphorePermit> {
        self.0.split(1)
    }
}
