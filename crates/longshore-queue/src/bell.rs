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
        let receiver = self.0.subscribe();
        let heard = *receiver.borrow();
        Listener { receiver, heard }
    }
}

/// One who looks when the bell rings.
#[derive(Debug)]
pub(crate) struct Listener {
    receiver: watch::Receiver<u64>,
    /// Rings that were there at the last look.
    heard: u64,
}

impl Listener {
    /// What rang so far is about to be looked at. Says whether it rang since the last look.
    pub fn looking(&mut self) -> bool {
        let rings = *self.receiver.borrow_and_update();
        std::mem::replace(&mut self.heard, rings) != rings
    }

    /// Waits for a ring since the last look. Cancellation-safe: a ring that comes while nobody
    /// waits is kept. Waits for ever once the bell is gone.
    pub async fn rung(&mut self) {
        if self.receiver.changed().await.is_err() {
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
        assert!(listener.looking(), "it rang");
        assert!(!listener.looking(), "not since");
        bell.ring();
        assert!(listener.looking(), "it rang");
        let again = timeout(Duration::from_secs(1), listener.rung()).await;
        assert!(again.is_err(), "the look came after the ring");
    }
}
