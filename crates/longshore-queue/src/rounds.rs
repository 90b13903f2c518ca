//! Rounds over a worker's queues: as many jobs as there are free slots.
//!
//! Owns which queues are asked, and in which order: each round begins with another, and where there are
//! several, only those are asked in which one look at all of them found something. So a worker of many
//! queues asks the database no more often than one of a single queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::QueueId;
use longshore_core::store::{Ahead, Leases as _, StoreError};
use tokio::time::Instant;

use crate::config::WorkerConfig;
use crate::crew::Crew;
use crate::served::Served;
use crate::slots::Free;

/// What came of one round.
#[derive(Default)]
pub(crate) struct Round {
    /// Jobs that it brought.
    pub acquired: usize,
    /// Whether the store answered.
    pub answered: bool,
    /// The last thing that went wrong.
    pub failed: Option<StoreError>,
    /// How long until the next job comes due, if it brought fewer than there were slots.
    pub due_in: Option<Duration>,
}

/// A worker's rounds.
#[derive(Default)]
pub(crate) struct Rounds {
    number: usize,
    outlook: Option<Outlook>,
}

/// Where there is something to acquire, as it was seen last, less what was found empty since.
struct Outlook {
    waiting: BTreeSet<QueueId>,
    seen_at: Instant,
}

/// What a queue gave.
enum Given {
    /// As many jobs as were asked for: there may be more.
    All,
    /// Fewer, or an error that is its own.
    Fewer,
    /// The round is over.
    Over,
}

impl Rounds {
    /// One round; `anew` if something may have changed since the last one. A queue that fails does not keep
    /// the others waiting. Cancellation-safe: what a call brings that is dropped is handed back.
    pub async fn next(
        &mut self,
        crew: &Crew,
        config: &WorkerConfig,
        mut free: Free,
        anew: bool,
    ) -> Round {
        let mut round = Round::default();
        if crew.shift.liveness.may_be_fenced() {
            return round; // The next heartbeat tells.
        }
        let served = crew.shift.served();
        let first = self.number;
        self.number = self.number.wrapping_add(1);
        if let [only] = &served[..] {
            ask(crew, config, only, &mut free, &mut round).await;
            return round;
        }
        if anew {
            self.outlook = None;
        }
        loop {
            let is_fresh = !self.knows(config.poll_interval);
            if is_fresh && !self.look(crew, config, &served, &mut round).await {
                return round;
            }
            for step in 0..served.len() {
                let served = &served[first.wrapping_add(step) % served.len()];
                if free.count() == 0 {
                    return round;
                }
                if !self.has(served.queue.id) {
                    continue;
                }
                match ask(crew, config, served, &mut free, &mut round).await {
                    Given::All => {}
                    Given::Fewer => self.strike(served.queue.id),
                    Given::Over => return round,
                }
            }
            if is_fresh || free.count() == 0 {
                return round;
            }
            // What was known is used up: there may be more elsewhere by now.
            self.outlook = None;
        }
    }

    /// Whether something is known that is not too old to go by.
    fn knows(&self, at_most_old: Duration) -> bool {
        let outlook = self.outlook.as_ref();
        outlook.is_some_and(|seen| !seen.waiting.is_empty() && seen.seen_at.elapsed() < at_most_old)
    }

    fn has(&self, queue: QueueId) -> bool {
        let outlook = self.outlook.as_ref();
        outlook.is_some_and(|seen| seen.waiting.contains(&queue))
    }

    fn strike(&mut self, queue: QueueId) {
        if let Some(outlook) = &mut self.outlook {
            outlook.waiting.remove(&queue);
        }
    }

    /// Looks at all queues. False if the store did not answer.
    async fn look(
        &mut self,
        crew: &Crew,
        config: &WorkerConfig,
        served: &[Arc<Served>],
        round: &mut Round,
    ) -> bool {
        let queues: Vec<QueueId> = served.iter().map(|served| served.queue.id).collect();
        let store = crew.shift.store.within(config.acquire_timeout);
        match store.look_ahead(&queues).await {
            Ok(Ahead { waiting, due_in }) => {
                round.answered = true;
                round.due_in = due_in;
                self.outlook = Some(Outlook {
                    waiting: waiting.into_iter().collect(),
                    seen_at: Instant::now(),
                });
                true
            }
            Err(error) => {
                self.outlook = None;
                round.failed = Some(error);
                false
            }
        }
    }
}

/// Asks one queue for as many jobs as there are slots left.
async fn ask(
    crew: &Crew,
    config: &WorkerConfig,
    served: &Arc<Served>,
    free: &mut Free,
    round: &mut Round,
) -> Given {
    let want = free.count();
    let most = u32::try_from(want).unwrap_or(u32::MAX);
    let timeout = config.acquire_timeout;
    match crew.shift.acquire(served, most, None, timeout).await {
        Ok(Some(haul)) => {
            round.answered = true;
            round.due_in = round.due_in.into_iter().chain(haul.due_in).min();
            let is_all = haul.jobs.len() >= want;
            for held in haul.jobs {
                // No await from here to the task's start.
                crew.take(served, held, free.take_one(), None);
                round.acquired += 1;
            }
            if is_all { Given::All } else { Given::Fewer }
        }
        Ok(None) => Given::Over,
        Err(error) => {
            let is_everywhere = !passes(&error) || is_the_databases(&error);
            round.failed = Some(error);
            if is_everywhere {
                Given::Over
            } else {
                Given::Fewer
            }
        }
    }
}

/// Whether the fault is no single queue's.
fn is_the_databases(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::CannotWrite { .. }
    )
}

/// Whether looking again later can help.
pub(crate) fn passes(error: &StoreError) -> bool {
    match error {
        StoreError::SchemaTooNew { .. } | StoreError::SchemaTooOld { .. } => false,
        other => other.is_systems_fault(),
    }
}
