//! Permits, first come, first served: tokio's `Semaphore` over shuttle's.
//!
//! The parts of a permit (`merge`, `split`, `forget`) touch nothing that others see, here as there.

use std::sync::Arc;

use shuttle::future::batch_semaphore::{AcquireError, BatchSemaphore, Fairness, TryAcquireError};

use super::point;

/// A number of permits.
#[derive(Debug)]
pub struct Semaphore(BatchSemaphore);

/// Some permits, given back when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

impl Semaphore {
    /// So many permits.
    pub fn new(permits: usize) -> Self {
        Self(BatchSemaphore::new(permits, Fairness::StrictlyFair))
    }

    /// How many nobody has.
    pub fn available_permits(&self) -> usize {
        // Shuttle reads it without asking the scheduler, and whoever reads it acts on it.
        point();
        self.0.available_permits()
    }

    /// More of them.
    pub fn add_permits(&self, permits: usize) {
        self.0.release(permits);
    }

    /// Waits for one.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.0.acquire(1).await?;
        Ok(OwnedSemaphorePermit {
            semaphore: self,
            permits: 1,
        })
    }

    /// Takes so many, or none when there are fewer.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        // None at all can always be had; shuttle's does not take the question.
        if permits > 0 {
            self.0.try_acquire(permits as usize)?;
        }
        Ok(OwnedSemaphorePermit {
            semaphore: self,
            permits,
        })
    }
}

impl OwnedSemaphorePermit {
    /// Takes these permits out of the world.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Joins another's permits to these.
    ///
    /// # Panics
    ///
    /// When they are another semaphore's.
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits of two semaphores"
        );
        self.permits += other.permits;
        other.permits = 0;
    }

    /// So many of them, apart; none when there are fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        let permits = u32::try_from(permits).ok()?;
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self {
            semaphore: Arc::clone(&self.semaphore),
            permits,
        })
    }

    /// How many there are.
    pub fn num_permits(&self) -> usize {
        self.permits as usize
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.add_permits(self.permits as usize);
    }
}
