//! How a worker is told to end: [`GracefulShutdown`].
//!
//! Owns the three stages and their order. Never handles an operating system's signal itself: the
//! binary feeds them in.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// How far a shutdown has gone. Stages only ever move forward.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// Work goes on.
    Running,
    /// Nothing more is acquired; what runs has the grace time to end.
    Draining,
    /// The grace time is cut short: what still runs is handed over or stopped now.
    Forced,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Forced => "forced",
        })
    }
}

/// Tells a worker to end, first with grace and then without. Clones share the stage.
#[derive(Clone, Debug)]
pub struct GracefulShutdown {
    stage: Arc<watch::Sender<Stage>>,
}

impl GracefulShutdown {
    /// Nobody has asked for an end yet.
    pub fn new() -> Self {
        Self {
            stage: Arc::new(watch::Sender::new(Stage::Running)),
        }
    }

    /// A SIGTERM or SIGINT came in: the first one drains, a second one forces. Returns the stage
    /// that follows.
    pub fn signal(&self) -> Stage {
        self.advance(|stage| match stage {
            Stage::Running => Stage::Draining,
            Stage::Draining | Stage::Forced => Stage::Forced,
        })
    }

    /// Asks for a drain; changes nothing when one has begun.
    pub fn drain(&self) -> Stage {
        self.advance(|stage| stage.max(Stage::Draining))
    }

    /// Cuts the grace time short.
    pub fn force(&self) -> Stage {
        self.advance(|_| Stage::Forced)
    }

    /// The stage now.
    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Whether nothing more is to be acquired.
    pub fn is_draining(&self) -> bool {
        self.stage() >= Stage::Draining
    }

    /// Waits until a drain begins. Cancellation-safe.
    pub async fn draining(&self) {
        self.reached(Stage::Draining).await;
    }

    /// Waits until the grace time is cut short. Cancellation-safe.
    pub async fn forced(&self) {
        self.reached(Stage::Forced).await;
    }

    async fn reached(&self, wanted: Stage) {
        let mut stage = self.stage.subscribe();
        // An error would mean that the sender is gone; `self` holds it.
        let _ = stage.wait_for(|stage| *stage >= wanted).await;
    }

    fn advance(&self, next: impl FnOnce(Stage) -> Stage) -> Stage {
        self.stage.send_modify(|stage| *stage = next(*stage));
        self.stage()
    }
}

impl Default for GracefulShutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_drains_and_the_second_forces() {
        let shutdown = GracefulShutdown::new();
        assert_eq!(shutdown.stage(), Stage::Running);
        assert!(!shutdown.is_draining());
        assert_eq!(shutdown.signal(), Stage::Draining);
        assert!(shutdown.is_draining());
        assert_eq!(shutdown.signal(), Stage::Forced);
        assert_eq!(shutdown.signal(), Stage::Forced);
    }

    #[test]
    fn asking_for_a_drain_never_goes_back_from_forced() {
        let shutdown = GracefulShutdown::new();
        shutdown.force();
        assert_eq!(shutdown.drain(), Stage::Forced);
    }

    #[tokio::test]
    async fn those_who_wait_learn_of_a_stage_that_was_reached_before_they_asked() {
        let shutdown = GracefulShutdown::new();
        let clone = shutdown.clone();
        clone.drain();
        shutdown.draining().await;
        clone.force();
        shutdown.forced().await;
    }
}
