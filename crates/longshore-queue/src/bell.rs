//! "Look again": a wake-up that carries nothing, and is never lost by who was busy when it came.

use tokio::sync::watch;

/// Rung when something may have changed. Level, not edge: many rings before a look are one.
#[derive(Debug)]
pub(crate) struct Bell(watch::Sender<u64>);

impl Bell {
    pub fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Something may have changed.
    pub fn ring(&self) {
        self.0.send_modify(|rings| *rings = rings.wrapping_add(1));
    }

    /// A listener that hears what rings from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// One who looks when the bell rings.
#[derive(Debug)]
pub(crate) struct Listener(watch::Receiver<u64>);

impl Listener {
    /// What rang so far is about to be looked at.
    pub fn looking(&mut self) {
        self.0.mark_unchanged();
    }

    /// Waits for a ring since the last look. Cancellation-safe: a ring that comes while nobody
    /// waits is kept. Waits for ever once the bell is gone.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_ring_while_nobody_waits_is_kept_and_many_are_one() {
        let bell = Bell::new();
        let mut listener = bell.listen();
        bell.ring();
        bell.ring();
        listener.rung().await;
        let again = timeout(Duration::from_secs(1), listener.rung()).await;
        assert!(again.is_err(), "both rings were heard at once");
        bell.ring();
        listener.looking();
        let again = timeout(Duration::from_secs(1), listener.rung()).await;
        assert!(again.is_err(), "the look came after the ring");
    }
}
