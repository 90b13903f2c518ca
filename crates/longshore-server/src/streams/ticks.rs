//! When to look again: one listener to the store's hints for all streams of this server.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_core::store::Store;
use tokio::sync::watch;

/// Without a hint, how soon news are looked for.
const POLL: Duration = Duration::from_millis(500);

/// Ticks while somebody listens.
pub(crate) struct Ticks {
    store: Arc<dyn Store>,
    tick: watch::Sender<u64>,
    /// Whether the task that ticks is there. Whoever changes that looks at the listeners under the lock.
    runs: Mutex<bool>,
}

/// Somebody who listens.
pub(crate) struct Listener(watch::Receiver<u64>);

impl Ticks {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            tick: watch::Sender::new(0),
            runs: Mutex::new(false),
        }
    }

    /// Listens from now on.
    pub fn listen(self: &Arc<Self>) -> Listener {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = Listener(self.tick.subscribe());
        if !*runs {
            *runs = true;
            tokio::spawn(Arc::clone(self).run());
        }
        listener
    }

    async fn run(self: Arc<Self>) {
        let mut wakeups = self.store.wakeups();
        loop {
            wakeups.wait(POLL).await;
            self.tick.send_modify(|tick| *tick += 1);
            let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            if self.tick.receiver_count() == 0 {
                *runs = false;
                return;
            }
        }
    }
}

impl Listener {
    /// Waits for the next tick. Cancellation-safe.
    pub async fn next(&mut self) {
        // The sender lives as long as the server.
        let _gone = self.0.changed().await;
    }
}
