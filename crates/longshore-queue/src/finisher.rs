//! Stores the ends of attempts, many in one call.
//!
//! Owns the batching (whatever is queued right now; a lone end is never held back) and the
//! patience: an end that can't be stored is tried again until it is, or until the worker's time
//! is up. Never decides what follows an end.

use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use longshore_core::retry::Backoff;
use longshore_core::store::{Finish, FinishOutcome, Leases as _, StoreError};
use longshore_fault::point;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use crate::fault::unanswered;
use crate::patience::AWAY;
use crate::retrying::Retrying;

/// The most ends of one call: its transaction stays short, and one bad end delays few.
const MAX_BATCH: usize = 256;

/// So many calls are under way at once, where there is that much to store: while one waits for the disk,
/// the database works on the other.
const AT_ONCE: usize = 2;

/// Ends that wait for the finisher. Beyond this those who have one wait, and their slots with
/// them: a worker whose database is away acquires nothing more.
const MAX_QUEUED: usize = 1024;

/// For one end that the store answers with an error although it answers others.
const BAD_END: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(500),
    max: Duration::from_secs(30),
};

/// Where ends are handed in.
pub(crate) struct Finisher(mpsc::Sender<Entry>);

/// What the finisher's task takes from.
pub(crate) struct Inbox(mpsc::Receiver<Entry>);

struct Entry {
    finish: Finish,
    reply: oneshot::Sender<FinishOutcome>,
    tries: u32,
    not_before: Instant,
}

impl Finisher {
    pub fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        (Self(sender), Inbox(receiver))
    }

    /// Stores an end; none when the finisher ended before it could be stored.
    ///
    /// Not cancelled halfway by being dropped: what was handed in is stored all the same.
    pub async fn finish(&self, finish: Finish) -> Option<FinishOutcome> {
        let (reply, answer) = oneshot::channel();
        let entry = Entry {
            finish,
            reply,
            tries: 0,
            not_before: Instant::now(),
        };
        self.0.send(entry).await.ok()?;
        answer.await.ok()
    }
}

/// Takes ends and stores them, until nobody can hand in more.
pub(crate) async fn run(store: Retrying, Inbox(mut inbox): Inbox) {
    let mut waiting: Vec<Entry> = Vec::new();
    // Ends that the store refused alone, each with a time of its own.
    let mut refused: Vec<Entry> = Vec::new();
    let mut under_way = FuturesUnordered::new();
    let mut is_open = true;
    while is_open || !under_way.is_empty() || !waiting.is_empty() {
        let next_refused = refused.iter().map(|entry| entry.not_before).min();
        let has_room = under_way.len() < AT_ONCE;
        let room = MAX_BATCH - waiting.len();
        tokio::select! {
            Some(again) = under_way.next() => refused.extend::<Vec<Entry>>(again),
            taken = inbox.recv_many(&mut waiting, room), if is_open && room > 0 => is_open = taken > 0,
            () = at(next_refused), if is_open && has_room => {
                let now = Instant::now();
                let due = refused.extract_if(.., |entry| entry.not_before <= now);
                under_way.push(store_each(&store, due.collect()).boxed());
            }
        }
        // Many small calls cost more than they hasten: what comes while one is under way waits for its
        // end, or until it is a whole batch.
        let may_go = match under_way.len() {
            0 => !waiting.is_empty(),
            calls => calls < AT_ONCE && waiting.len() >= MAX_BATCH,
        };
        if may_go {
            let batch = std::mem::take(&mut waiting);
            under_way.push(store_batch(&store, batch).boxed());
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Stores a batch; when the store refuses it for what is in it, each end alone. Returns those that are
/// to be tried again.
async fn store_batch(store: &Retrying, batch: Vec<Entry>) -> Vec<Entry> {
    let finishes: Vec<Finish> = batch.iter().map(|entry| entry.finish.clone()).collect();
    let first = finishes.first().map_or(0, |finish| finish.lease.job.0);
    let send = || async {
        unanswered("finish", point!("finish.before_send", first).await)?;
        let answer = store.finish(&finishes).await;
        unanswered("finish", point!("finish.answered", first).await)?;
        answer
    };
    let mut tries = 0;
    loop {
        match send().await {
            Ok(outcomes) => {
                for (entry, outcome) in batch.into_iter().zip(outcomes) {
                    entry.answer(outcome);
                }
                return Vec::new();
            }
            Err(error) if is_the_databases(&error) => {
                tries += 1;
                if tries == 1 {
                    let ends = batch.len();
                    tracing::warn!(ends, error = %error, "ends wait for the database");
                }
                // The same ends again: one that was stored, its reply lost, is answered as
                // already finished.
                sleep(AWAY.delay(tries, rand::random())).await;
            }
            Err(error) => {
                tracing::error!(error = %error, "a batch of ends was refused; storing each alone");
                return store_each(store, batch).await;
            }
        }
    }
}

/// Stores each alone, and returns those that are to be tried again.
async fn store_each(store: &Retrying, entries: Vec<Entry>) -> Vec<Entry> {
    let mut again = Vec::new();
    for entry in entries {
        again.extend(store_alone(store, entry).await);
    }
    again
}

/// One bad end does not hold back the others of its batch: it waits for another try of its own.
async fn store_alone(store: &Retrying, mut entry: Entry) -> Option<Entry> {
    let answer = store.finish(std::slice::from_ref(&entry.finish)).await;
    match answer.map(|outcomes| outcomes.into_iter().next()) {
        Ok(Some(outcome)) => {
            entry.answer(outcome);
            return None;
        }
        Ok(None) => tracing::error!("the store answered an end with nothing"),
        Err(error) => {
            let lease = entry.finish.lease;
            let (job, attempt) = (lease.job.0, lease.attempt.0);
            tracing::error!(job.id = job, attempt, error = %error, "the end could not be stored");
        }
    }
    if entry.reply.is_closed() {
        return None; // Nobody waits any more: its worker's time is up, and its lease goes to recovery.
    }
    entry.tries += 1;
    entry.not_before = Instant::now() + BAD_END.delay(entry.tries, rand::random());
    Some(entry)
}

impl Entry {
    fn answer(self, outcome: FinishOutcome) {
        // Whoever handed it in may be gone; the end is stored all the same.
        let _ = self.reply.send(outcome);
    }
}

/// Whether the fault passes for all ends alike.
fn is_the_databases(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Contended { .. }
            | StoreError::Unavailable { .. }
            | StoreError::CannotWrite { .. }
    )
}
