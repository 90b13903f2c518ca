//! A gate: closed until somebody opens it, then open for ever.

use std::sync::Arc;

use tokio::sync::watch;

/// A gate. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    is_open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// One that is closed.
    pub fn closed() -> Self {
        Self {
            is_open: Arc::new(watch::Sender::new(false)),
        }
    }

    /// One that is open.
    pub fn opened() -> Self {
        Self {
            is_open: Arc::new(watch::Sender::new(true)),
        }
    }

    /// Lets everybody pass who waits, and whoever comes later.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    /// Waits until it is open. Cancellation-safe.
    pub async fn passed(&self) {
        let mut is_open = self.is_open.subscribe();
        is_open
            .wait_for(|is_open| *is_open)
            .await
            .expect("the gate itself holds the sender");
    }
}
