//! Four tasks with random operations on one store, each through connections of its own. What they
//! were answered is judged afterwards, and so is what the store then holds.
//!
//! `LONGSHORE_TEST_SEED` repeats the operations of a run, though not how they met.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use longshore_core::disposition::Disposition;
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::state::TerminalState;
use longshore_core::store::{AcquireRequest, Finish, LeaseKey, Store, StoreError, StoreResult};
use longshore_core::{JobId, Priority, QueueId, WorkerId};
use longshore_postgres::testing::TestDatabase;
use longshore_sqlite::SqliteStore;
use longshore_testkit::model::Model;
use longshore_testkit::store::StoreHarness;
use longshore_testkit::store::race::all_at_once;
use longshore_testkit::store::rest::assert_at_rest;
use longshore_testkit::store::scene::{new_queue, new_worker, record_for, stale};
use longshore_testkit::store::seed::Seed;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::judging::{Event, Exercised, Span, judge};
use crate::random::seed;

const TASKS: u64 = 4;

/// Operations of one task: enough that every verb meets every other.
const STEPS: usize = 500;

const QUEUES: [&str; 2] = ["line-a", "line-b"];

struct SqliteFile(tempfile::TempDir);

#[async_trait]
impl StoreHarness for SqliteFile {
    async fn open(&self) -> Arc<dyn Store> {
        let path = self.0.path().join("longshore.db");
        let opened = SqliteStore::open(path, longshore_sqlite::Options::default()).await;
        Arc::new(opened.expect("a temporary file opens"))
    }
}

struct PostgresDatabase(TestDatabase);

#[async_trait]
impl StoreHarness for PostgresDatabase {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.store().await.expect("it is there and migrated"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_sqlite_leave_a_history_without_fault() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(&SqliteFile(folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_on_postgres_leave_a_history_without_fault() {
    run(&PostgresDatabase(TestDatabase::create().await)).await;
}

async fn run(harness: &dyn StoreHarness) {
    let seed = seed();
    println!("LONGSHORE_TEST_SEED={seed}");
    let first = harness.open().await;
    let mut queues = Vec::new();
    for name in QUEUES {
        queues.push(
            first
                .create_queue(&new_queue(name))
                .await
                .expect("a new name")
                .id,
        );
    }
    let shared = Arc::new(Shared::new(queues));
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let chance = StdRng::seed_from_u64(seed.wrapping_add(number));
        tasks.push(Task::begin(harness.open().await, Arc::clone(&shared), chance).await);
    }
    let ended = all_at_once(tasks, Task::work).await;

    let events = shared
        .events
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let (faults, exercised) = judge(&events);
    assert!(faults.is_empty(), "LONGSHORE_TEST_SEED={seed}: {faults:#?}");
    let Exercised {
        acquired,
        filled,
        refused,
        cancelled,
    } = exercised;
    assert!(
        acquired > 100 && filled > 0 && refused > 0 && cancelled > 0,
        "LONGSHORE_TEST_SEED={seed}: this run is no evidence: {exercised:?}"
    );
    assert_at_rest(&*first).await;
    for task in ended {
        task.holds_what_the_store_says().await;
        task.store.close().await;
    }
    first.close().await;
}

/// What the tasks have in common.
struct Shared {
    queues: Vec<QueueId>,
    begun: Instant,
    events: Mutex<Vec<Event>>,
    jobs: Mutex<Vec<JobId>>,
    /// Every lease that any of them ever had: others try to use them.
    leases: Mutex<Vec<LeaseKey>>,
}

impl Shared {
    fn new(queues: Vec<QueueId>) -> Self {
        Self {
            queues,
            begun: Instant::now(),
            events: Mutex::default(),
            jobs: Mutex::default(),
            leases: Mutex::default(),
        }
    }

    fn note(&self, event: Event) {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }

    /// Asks, and says when.
    async fn timed<T>(&self, call: impl Future<Output = T>) -> (Span, T) {
        let asked = self.begun.elapsed();
        let answer = call.await;
        let answered = self.begun.elapsed();
        (Span { asked, answered }, answer)
    }
}

struct Task {
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    chance: StdRng,
    worker: WorkerId,
    calls: i64,
    mine: Vec<LeaseKey>,
}

impl Task {
    async fn begin(store: Arc<dyn Store>, shared: Arc<Shared>, chance: StdRng) -> Self {
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

    async fn work(mut self) -> Self {
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
    async fn holds_what_the_store_says(&self) {
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
/// else is a defect.
fn done<T>(answer: StoreResult<T>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(StoreError::Illegal { .. } | StoreError::Contended { .. }) => None,
        Err(other) => panic!("neither done nor refused: {other:?}"),
    }
}
