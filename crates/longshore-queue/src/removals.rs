//! Removing containers that have ended, where that did not succeed at once: an engine that is being
//! restarted, or hangs, takes longer than any attempt may.
//!
//! Owns every removal that waits for another try, and that their number is bounded. What is still
//! there when the worker ends, or was tried too often, stays on its host as a finished container:
//! no later worker looks for it yet, so it is named in the log.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use longshore_core::retry::Backoff;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::machines::Placed;

/// Between two tries: soon at first, for a container that is about to be let go, then seldom
/// enough for an engine that is away. All of them take more than an hour.
const AGAIN: Backoff = Backoff {
    attempts: 100,
    base: Duration::from_millis(200),
    max: Duration::from_mins(1),
};
/// The same while the worker waits for them to end.
const HURRIED: Duration = Duration::from_millis(200);
/// How often it is tried when the error says that it won't pass: more than once, since an engine
/// says so of a container that another is removing.
const HOPELESS_TRIES: u32 = 5;
/// How many are tried at once.
const AT_ONCE: usize = 8;
/// How many wait at most. An engine that removes nothing any more has worse troubles than what is
/// left over.
const MOST: usize = 10_000;

/// The removals of one shift.
pub(crate) struct Removals {
    queue: mpsc::Sender<Placed>,
    waiting: watch::Sender<usize>,
    hurry: watch::Sender<bool>,
    at_once: Semaphore,
}

impl Removals {
    /// Also returns what its task takes from.
    pub fn new() -> (Arc<Self>, mpsc::Receiver<Placed>) {
        let (queue, inbox) = mpsc::channel(MOST);
        let removals = Self {
            queue,
            waiting: watch::Sender::new(0),
            hurry: watch::Sender::new(false),
            at_once: Semaphore::new(AT_ONCE),
        };
        (Arc::new(removals), inbox)
    }

    /// Removes a container that has ended: at once or, if that fails, whenever it can be.
    pub async fn remove(&self, placed: Placed) {
        if self.try_once(&placed, 1).await {
            return;
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        if let Err(refused) = self.queue.try_send(placed) {
            self.waiting.send_modify(|waiting| *waiting -= 1);
            let (mpsc::error::TrySendError::Full(placed)
            | mpsc::error::TrySendError::Closed(placed)) = refused;
            tracing::warn!(handle = %placed.handle, "a finished container is left over");
        }
    }

    /// Waits for those that wait for another try, which comes soon now; so long at most.
    pub async fn finish(&self, at_most: Duration) {
        self.hurry.send_replace(true);
        let mut waiting = self.waiting.subscribe();
        let none = waiting.wait_for(|waiting| *waiting == 0);
        if timeout(at_most, none).await.is_err() {
            let left = *self.waiting.borrow();
            tracing::warn!(left, "finished containers are left over");
        }
    }

    /// Whether nothing is left to be tried.
    async fn try_once(&self, placed: &Placed, tries: u32) -> bool {
        let Placed { machine, handle } = placed;
        let Err(error) = machine.executor.forget(handle).await else {
            return true;
        };
        let most = if error.is_transient() {
            AGAIN.attempts
        } else {
            HOPELESS_TRIES
        };
        if tries < most {
            return false;
        }
        tracing::warn!(handle = %handle, error = %error, "a finished container is left over");
        true
    }

    async fn hurried(&self) {
        // An error: there is no sender any more, so there is no worker to hurry for.
        let _ = self.hurry.subscribe().wait_for(|hurry| *hurry).await;
    }

    async fn until_removed(&self, placed: Placed) {
        for tries in 2_u32.. {
            tokio::select! {
                () = sleep(AGAIN.delay(tries - 1, rand::random())) => {}
                () = self.hurried() => sleep(HURRIED).await,
            }
            let _few = self.at_once.acquire().await;
            if self.try_once(&placed, tries).await {
                break;
            }
        }
        self.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// Tries again what could not be removed, until its task is ended.
pub(crate) async fn run(removals: Arc<Removals>, mut inbox: mpsc::Receiver<Placed>) {
    let mut tries = FuturesUnordered::new();
    loop {
        tokio::select! {
            // What is taken from the queue waits here, and counts towards the same bound.
            Some(placed) = inbox.recv(), if tries.len() < MOST => {
                tries.push(removals.until_removed(placed));
            }
            Some(()) = tries.next() => {}
            else => return,
        }
    }
}
