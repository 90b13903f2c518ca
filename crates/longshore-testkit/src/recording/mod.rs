//! A store that writes down what is asked of it and what it answers, for `longshore-history` to
//! judge.
//!
//! Owns: putting every verb that changes something between its two lines. It goes directly above
//! the store and below `longshore_queue::Retrying`, so that each try has lines of its own. Reads
//! pass unrecorded, except the two looks that a test asks for: [`Recording::note_queues`] and
//! [`Recording::look_at_rest`].
//!
//! Never does: change a call, an answer or their order; and never the verdict.

mod access;
mod changes;
mod journal;
mod leases;
mod reading;
mod recovery;
mod registry;
mod submissions;
pub mod tables;
mod upkeep;
mod webhooks;
mod words;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::InstanceId;
use longshore_core::store::{Store, StoreResult, Wakeups};
use longshore_history::store::{Answer, Call, Nothing, RestWish, Told};

pub use journal::Journal;
pub(crate) use words::run;

/// A store whose changes are written down. Clones write into the same journal.
#[derive(Clone)]
pub struct Recording {
    inner: Arc<dyn Store>,
    journal: Arc<Journal>,
}

impl Recording {
    /// Writes what is asked of this store into this journal.
    pub fn new(inner: Arc<dyn Store>, journal: Arc<Journal>) -> Self {
        Self { inner, journal }
    }

    /// Where it writes.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Notes what queues there are, and their limits: asked for before anything else, so that the
    /// checker knows what held at the beginning.
    pub async fn note_queues(&self) -> StoreResult<()> {
        self.call(Call::Queues(Nothing {}), self.inner.queues(), |queues| {
            Answer::Queues(queues.iter().map(words::queue_fact).collect())
        })
        .await
        .map(drop)
    }

    /// Notes what the store counts, while nothing else is asked of it. With `quiet` everything that
    /// could start has had the time to, so that a backlog beside free room is a breach.
    pub async fn look_at_rest(&self, quiet: bool) -> StoreResult<()> {
        self.journal.none_open().await;
        self.call(
            Call::Rest(RestWish { quiet }),
            words::rest(self.inner.as_ref()),
            |rest| Answer::Rest(Box::new(rest.clone())),
        )
        .await
        .map(drop)
    }

    /// Sends a call between its two lines. A caller that is dropped leaves the call open: nobody
    /// knows what came of it, which is what the lines then say.
    async fn call<T>(
        &self,
        call: Call,
        sent: impl Future<Output = StoreResult<T>>,
        answer: impl FnOnce(&T) -> Answer,
    ) -> StoreResult<T> {
        let number = Journal::next_call();
        self.journal.tell(number, Told::Called(call));
        let result = sent.await;
        let told = match &result {
            Ok(value) => Told::Done(answer(value)),
            Err(error) => Told::Failed(words::failure(error), error.to_string()),
        };
        self.journal.tell(number, told);
        result
    }
}

#[async_trait]
impl Store for Recording {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.inner.instance().await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.inner.now().await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        self.inner.wakeups()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[cfg(test)]
mod tests;
