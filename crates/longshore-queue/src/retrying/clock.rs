//! The time between two tries of a contended call.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

/// By which clock a [`super::Retrying`] waits between two tries, and counts its caller's time: the
/// runtime's, unless a test brings one that it reads and moves.
#[async_trait]
pub trait RetryClock: Send + Sync {
    /// The time since a moment that stays the same.
    fn now(&self) -> Duration;

    /// Returns once so much more of it has gone by. Dropped, it has waited for nothing.
    async fn pause(&self, time: Duration);
}

/// The runtime's.
pub(super) struct RuntimeClock(Instant);

impl RuntimeClock {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }
}

#[async_trait]
impl RetryClock for RuntimeClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn pause(&self, time: Duration) {
        sleep(time).await;
    }
}
