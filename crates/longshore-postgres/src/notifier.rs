//! Sending hints: `NOTIFY longshore, '<queue id>'`, after the commit of what they hint at.
//!
//! NOTIFY takes a lock at commit that the whole server shares, so hints are coalesced per queue: the
//! first is sent at once, by whoever caused it; more of them within [`APART`] are one that follows. A
//! hint that can't be sent is dropped: polling finds everything without it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::QueueId;
use tokio::task::JoinSet;

use crate::db::Db;

/// Two hints for one queue are at least this far apart.
const APART: Duration = Duration::from_millis(5);

/// Sends hints.
#[derive(Debug)]
pub(crate) struct Notifier {
    db: Db,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<QueueId, Sent>,
    trailing: JoinSet<()>,
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    /// Whether a hint that follows is on its way.
    is_followed: bool,
}

impl Notifier {
    pub fn new(db: Db) -> Self {
        Self {
            db,
            state: Mutex::default(),
        }
    }

    /// Hints that something may have changed in these queues. Cancelled, it loses the hint, no more.
    pub async fn hint(self: &Arc<Self>, queues: impl IntoIterator<Item = QueueId>) {
        let now: Vec<QueueId> = queues
            .into_iter()
            .filter(|queue| self.is_first(*queue))
            .collect();
        self.send(&now).await;
    }

    /// Waits until what follows was sent.
    pub async fn close(&self) {
        let mut trailing = std::mem::take(&mut self.state().trailing);
        while trailing.join_next().await.is_some() {}
    }

    /// Whether a hint for this queue is to be sent now; if not, one follows.
    fn is_first(self: &Arc<Self>, queue: QueueId) -> bool {
        let mut state = self.state();
        let State { queues, trailing } = &mut *state;
        let Some(sent) = queues.get_mut(&queue) else {
            queues.insert(
                queue,
                Sent {
                    at: Instant::now(),
                    is_followed: false,
                },
            );
            return true;
        };
        if sent.is_followed {
            return false;
        }
        let since = sent.at.elapsed();
        if since >= APART {
            sent.at = Instant::now();
            return true;
        }
        sent.is_followed = true;
        // Those that have ended are taken out, so that the set stays small.
        while trailing.try_join_next().is_some() {}
        let notifier = Arc::clone(self);
        trailing.spawn(async move {
            tokio::time::sleep(APART.saturating_sub(since)).await;
            notifier.mark_sent(queue);
            notifier.send(&[queue]).await;
        });
        false
    }

    /// Before it is sent: what changes from here on needs another hint.
    fn mark_sent(&self, queue: QueueId) {
        let now = Sent {
            at: Instant::now(),
            is_followed: false,
        };
        self.state().queues.insert(queue, now);
    }

    async fn send(&self, queues: &[QueueId]) {
        if queues.is_empty() {
            return;
        }
        let hints: Vec<String> = queues.iter().map(|queue| queue.0.to_string()).collect();
        if let Err(error) = self
            .db
            .rows("notify", include_str!("../sql/notify.sql"), &[&hints])
            .await
        {
            tracing::debug!(%error, "a hint was lost");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
