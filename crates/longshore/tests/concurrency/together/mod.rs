//! Four tasks with random operations on one store, each through connections of its own. What they
//! were answered is judged afterwards, and so is what the store then holds.
//!
//! `LONGSHORE_TEST_SEED` repeats the operations of a run, though not how they met.

mod task;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use longshore_core::store::{LeaseKey, Store};
use longshore_core::{JobId, QueueId};
use longshore_postgres::testing::TestDatabase;
use longshore_sqlite::SqliteStore;
use longshore_testkit::store::StoreHarness;
use longshore_testkit::store::race::all_at_once;
use longshore_testkit::store::rest::assert_at_rest;
use longshore_testkit::store::scene::new_queue;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use self::task::Task;
use crate::judging::{Event, Exercised, Span, judge};
use crate::random::seed;

const TASKS: u64 = 4;

const QUEUES: [&str; 2] = ["line-a", "line-b"];

struct SqliteFile(tempfile::TempDir);

#[async_trait]
impl StoreHarness for SqliteFile {
    async fn open(&self) -> Arc<dyn Store> {
        let path = self.0.path().join("longshore.db");
        // So long that no verb may say that the file was busy: one that did never had its turn.
        let options = longshore_sqlite::Options {
            busy_budget: Duration::from_mins(1),
            ..longshore_sqlite::Options::default()
        };
        let opened = SqliteStore::open(path, options).await;
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
