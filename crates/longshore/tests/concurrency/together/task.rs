//! One of the tasks: which operations it chooses, and what it notes of their answers.

use std::sync::{Arc, PoisonError};

use longshore_core::disposition::Disposition;
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    AcquireRequest, Contention, Finish, LeaseKey, Store, StoreError, StoreResult,
};
use longshore_core::{JobId, Priority, WorkerId};
use longshore_testkit::model::Model;
use longshore_testkit::store::scene::{new_worker, record_for, stale};
use longshore_testkit::store::seed::Seed;
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::{QUEUES, Shared};
use crate::judging::Event;

/// Operations of one task: enough that every verb meets every other.
const STEPS: usize = 500;

pub(super) struct Task {
    pub(super) store: Arc<dyn Store>,
    shared: Arc<Shared>,
    chance: StdRng,
    worker: WorkerId,
    calls: i64,
    mine: Vec<LeaseKey>,
}

impl Task {
    pub(super) async fn begin(store: Arc<dyn Store>, shared: Arc<Shared>, chance: StdRng) -> Self {
        let worker = store
            .register_worker(&new_worker(&shared.queues))
            .await
            .expect("a worker");
        Self {
            store,
            shared,
            chance,
            worker,
            calls: 0,
            mine: Vec::new(),
        }
    }

    pub(super) async fn work(mut self) -> Self {
        for _ in 0..STEPS {
            match self.chance.random_range(0..24) {
                0..4 => self.submit().await,
                4..10 => self.acquire().await,
                10..15 => self.finish().await,
                15 => self.finish_anothers().await,
                16 | 17 => self.limit().await,
                18 => self.pause().await,
                19 => self.keep_in_shape().await,
                _ => self.ask_of_a_job().await,
            }
        }
        self
    }

    async fn submit(&mut self) {
        let queue = QUEUES[self.chance.random_range(0..QUEUES.len())];
        let priority = [20, 50, 80][self.chance.random_range(0..3)];
        let mut seed = Seed::job().queue(queue).priority(priority);
        let mut key = None;
        if self.chance.random_bool(0.2) {
            // The same job from whichever task, so that the key always fits.
            let text = format!("key-{}", self.chance.random_range(0..40));
            seed = Seed::job().queue(QUEUES[0]).key(&text);
            key = Some(text);
        } else if self.chance.random_bool(0.1) {
            seed = seed.queue_timeout(Model::SOON);
        }
        let jobs = vec![seed.build_in(queue); if key.is_some() { 1 } else { 3 }];
        let Some(answers) = done(self.store.submit(&jobs).await) else {
            return;
        };
        let ids: Vec<JobId> = answers.iter().map(|answer| answer.job).collect();
        if let Some(key) = key {
            self.shared.note(Event::Keyed { key, job: ids[0] });
        }
        self.shared
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(ids);
    }

    async fn acquire(&mut self) {
        self.calls += 1;
        let queue = self.shared.queues[self.chance.random_range(0..QUEUES.len())];
        let cap = self
            .chance
            .random_bool(0.3)
            .then(|| self.chance.random_range(1..6));
        let request = AcquireRequest {
            queue,
            want: self.chance.random_range(1..4),
            worker: self.worker,
            acquire_number: self.calls,
            max_concurrent: cap.map(Limit),
        };
        let (span, answer) = self.shared.timed(self.store.acquire(request)).await;
        let Some(acquired) = done(answer) else { return };
        let leases: Vec<LeaseKey> = acquired.leases.iter().map(|lease| lease.key).collect();
        self.mine.extend(&leases);
        self.shared
            .leases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(&leases);
        self.shared.note(Event::Acquired {
            span,
            queue,
            leases,
            cap,
        });
        for lease in acquired.leases {
            if self.chance.random_bool(0.7) {
                done(self.store.mark_running(lease.key).await);
            }
        }
    }

    async fn finish(&mut self) {
        if self.mine.is_empty() {
            return;
        }
        let at = self.chance.random_range(0..self.mine.len());
        let lease = self.mine[at];
        let then = [
            Disposition::Settle(TerminalState::Completed),
            Disposition::Settle(TerminalState::Failed),
            Disposition::RetryAfter(Model::SOON),
            Disposition::HandBack,
            Disposition::Lost,
        ][self.chance.random_range(0..5)];
        if self.say_end(lease, then).await {
            self.mine.swap_remove(at);
        }
    }

    /// By a token that is not the one it is held under, or by one that was held once: mostly there
    /// is nothing to end, and never is anything ended that another holds.
    async fn finish_anothers(&mut self) {
        let lease = {
            let leases = self
                .shared
                .leases
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if leases.is_empty() {
                return;
            }
            stale(leases[self.chance.random_range(0..leases.len())])
        };
        self.say_end(lease, Disposition::HandBack).await;
    }

    /// A job that was acquired lately, so that it may well be live.
    fn any_leased(&mut self) -> Option<JobId> {
        let leases = self
            .shared
            .leases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let lately = leases.len().min(12);
        let back = self.chance.random_range(0..lately.max(1));
        leases.iter().rev().nth(back).map(|lease| lease.job)
    }

    async fn say_end(&self, lease: LeaseKey, then: Disposition) -> bool {
        let finish = Finish {
            lease,
            record: record_for(then),
            then,
        };
        let finishes = [finish];
        let (span, answer) = self.shared.timed(self.store.finish(&finishes)).await;
        let Some(outcomes) = done(answer) else {
            return false;
        };
        let outcome = outcomes[0];
        self.shared.note(Event::Finished {
            span,
            lease,
            outcome,
        });
        true
    }

    async fn limit(&mut self) {
        let at = self.chance.random_range(0..QUEUES.len());
        let limit = self
            .chance
            .random_bool(0.8)
            .then(|| self.chance.random_range(0..8));
        let change = QueueChange {
            max_concurrent: Some(limit.map(Limit)),
            ..QueueChange::default()
        };
        let (span, answer) = self
            .shared
            .timed(self.store.change_queue(QUEUES[at], &change))
            .await;
        if done(answer).is_some() {
            let queue = self.shared.queues[at];
            self.shared.note(Event::Limited { span, queue, limit });
        }
    }

    async fn pause(&mut self) {
        let change = QueueChange {
            paused: Some(self.chance.random_bool(0.2)),
            ..QueueChange::default()
        };
        let name = QUEUES[self.chance.random_range(0..QUEUES.len())];
        done(self.store.change_queue(name, &change).await);
    }

    async fn keep_in_shape(&mut self) {
        if self.chance.random_bool(0.5) {
            done(self.store.stage_due(10).await);
        } else {
            done(self.store.expire_waiting(10).await);
        }
    }

    async fn ask_of_a_job(&mut self) {
        let job = {
            let jobs = self
                .shared
                .jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if jobs.is_empty() {
                return;
            }
            jobs[self.chance.random_range(0..jobs.len())]
        };
        match self.chance.random_range(0..6) {
            0 => was_told(self.store.queue_job(job).await),
            1 => was_told(self.store.dequeue_job(job).await),
            2 => was_told(self.store.reprioritise(job, Priority::HIGH).await),
            3 => was_told(self.store.retry_job(job).await),
            4 => {
                let job = self.any_leased().unwrap_or(job);
                was_told(self.store.request_cancel(job).await);
            }
            _ => was_told(self.store.show_job(job).await),
        }
    }

    /// What it was given and did not finish, and nothing else.
    pub(super) async fn holds_what_the_store_says(&self) {
        let held = self.store.leases_of(self.worker).await.expect("leases");
        let mut held: Vec<LeaseKey> = held.into_iter().map(|held| held.key).collect();
        let mut mine = self.mine.clone();
        held.sort_unstable();
        mine.sort_unstable();
        assert_eq!(held, mine, "worker {}", self.worker);
    }
}

/// Whatever the answer, it was one that may be.
fn was_told<T>(answer: StoreResult<T>) {
    let _whichever = done(answer);
}

/// The answer, unless it was refused for what others had done meanwhile, or ran into them: anything
/// else is a defect, and so is a file that was busy, since others never have it for long.
fn done<T>(answer: StoreResult<T>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::Illegal { .. }) => None,
        Err(StoreError::Contended { contention, .. }) if contention != Contention::Busy => None,
        Err(other) => panic!("neither done nor refused: {other:?}"),
    }
}
