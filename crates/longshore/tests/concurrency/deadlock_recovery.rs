//! `DeadlockRecoveryTestCase`: collisions are real, the product's own retry outlasts them, and nothing
//! is lost or doubled.

use std::sync::Arc;
use std::time::Duration;

use longshore::postgres::PostgresStore;
use longshore::sqlite::SqliteStore;
use longshore::{JobId, State, Store};
use longshore_core::attempt::{AttemptRecord, Exit, Outcome};
use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    AcquireRequest, Finish, FinishOutcome, LeaseKey, Leases as _, NewWorker,
};
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_queue::{ContentionCounts, Retrying};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::wait::eventually;

use crate::ledger;
use crate::support::Home;
use crate::workplace::{QUEUE, job, make_queue, submit};

/// Leases of so many jobs, all of one worker.
pub async fn leases(store: &dyn Store, count: u32) -> (Vec<JobId>, Vec<LeaseKey>) {
    make_queue(store, None).await;
    let jobs = submit(store, (0..count).map(|_| job(50))).await;
    let queue = store.queue(QUEUE).await.expect("it was made");
    let worker = store.register_worker(&a_worker(queue.id)).await;
    let request = AcquireRequest {
        queue: queue.id,
        want: count,
        worker: worker.expect("it is registered"),
        acquire_number: 1,
        max_concurrent: None,
    };
    let acquired = store.acquire(request).await.expect("they wait").leases;
    let mut keys: Vec<LeaseKey> = acquired.iter().map(|lease| lease.key).collect();
    keys.sort_unstable();
    assert_eq!(keys.len(), count as usize);
    (jobs, keys)
}

fn a_worker(queue: longshore_core::QueueId) -> NewWorker {
    NewWorker {
        name: "worker".to_owned(),
        hostname: "machine".to_owned(),
        pid: 1,
        boot_id: "boot".to_owned(),
        version: "test".to_owned(),
        queues: vec![queue],
        hosts: Vec::new(),
        capacity: 10,
        lease_ttl: Duration::from_mins(10),
    }
}

pub fn completed(lease: LeaseKey) -> Finish {
    Finish {
        lease,
        record: AttemptRecord {
            exit: Some(Exit::with_code(0)),
            started: true,
            ..AttemptRecord::of(Outcome::Exited)
        },
        then: Disposition::Settle(TerminalState::Completed),
    }
}

/// Each finish happened, once, and the tables are whole.
pub async fn nothing_lost_or_doubled(
    store: &dyn Store,
    jobs: &[JobId],
    outcomes: &[FinishOutcome],
) -> Judged {
    let details = ledger::read(store, jobs).await;
    let settled = details
        .iter()
        .filter(|job| job.summary.state == State::Completed);
    let settled = settled.count();
    let finished = outcomes.iter().filter(|outcome| {
        matches!(
            outcome,
            FinishOutcome::Finished | FinishOutcome::AlreadyFinished
        )
    });
    let finished = finished.count();
    holds(
        "S4",
        settled == jobs.len() && finished == jobs.len(),
        || {
            format!(
                "{settled} of {} are settled, {outcomes:?} was answered",
                jobs.len()
            )
        },
    )
    .and(|| ledger::each_completed_once(&details))
    .and(|| Judged::Passed)
}

/// The sessions that a store's finish of three leases, which locks them in order, is brought into a
/// deadlock with, of which it is the victim for certain: whose wait closes the circle finds it.
///
/// One holds the second lease, so that the store waits there with the first in its hands. The other
/// holds the third, and waits for the first. Then the second is given free: the store goes on to the
/// third, and closes the circle.
pub struct Opponents {
    gate: TestClient,
    other: TestClient,
    watcher: TestClient,
    leases: [i64; 3],
}

impl Opponents {
    pub async fn of(database: &TestDatabase, keys: &[LeaseKey]) -> Self {
        let other = database.client().await;
        // It would find the deadlock only after this, if the store did not.
        let patient = "SET deadlock_timeout = '60s'";
        other.batch_execute(patient).await.expect("a superuser");
        Self {
            gate: database.client().await,
            other,
            watcher: database.client().await,
            leases: [keys[0].job.0, keys[1].job.0, keys[2].job.0],
        }
    }

    /// Before the store is asked.
    pub async fn prepare(&self) {
        for (session, lease) in [(&self.gate, 1), (&self.other, 2)] {
            session.batch_execute("BEGIN").await.expect("begin");
            self.lock(session, lease).await;
        }
    }

    /// Brings it about, and is out of the way after it. Nothing happens to a store whose call
    /// `has_ended`.
    pub async fn collide(&self, has_ended: impl Fn() -> bool) {
        self.until_waiting(1, &has_ended).await;
        // Given once the store has given up: the deadlock has happened.
        let first = self.lock(&self.other, 0);
        tokio::join!(first, async {
            self.until_waiting(2, &has_ended).await;
            self.gate.batch_execute("ROLLBACK").await.expect("rollback");
        });
        self.other
            .batch_execute("ROLLBACK")
            .await
            .expect("rollback");
    }

    async fn lock(&self, session: &TestClient, lease: usize) {
        let lock = "SELECT FROM lease WHERE job_id = $1 FOR UPDATE";
        let locked = session.query(lock, &[&self.leases[lease]]).await;
        locked.expect("the store is the victim");
    }

    async fn until_waiting(&self, sessions: i64, has_ended: &impl Fn() -> bool) {
        eventually("sessions wait for leases", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity \
                           WHERE wait_event_type = 'Lock' AND datname = current_database()";
            let row = self.watcher.query_one(waiting, &[]).await;
            let waiting: i64 = row.expect("a count").get(0);
            (waiting >= sessions || has_ended()).then_some(())
        })
        .await;
    }
}

/// Two sessions that lock in opposite orders: a true 40P01, of which the store is the victim, while its
/// caller sees nothing but a finish.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn test_deadlock_recovery_with_backoff() {
    let database = TestDatabase::create().await;
    let url = with_settings(
        &database.url(),
        "-c deadlock_timeout=100ms -c lock_timeout=30s",
    );
    let store = PostgresStore::connect(&url, longshore::postgres::Options::default()).await;
    let store: Arc<dyn Store> = Arc::new(store.expect("the database is there"));
    let (jobs, keys) = leases(&*store, 3).await;
    let retrying = Retrying::new(Arc::clone(&store));
    let opponents = Opponents::of(&database, &keys).await;
    opponents.prepare().await;
    let finishing = {
        let retrying = retrying.clone();
        let finishes: Vec<Finish> = keys.iter().copied().map(completed).collect();
        tokio::spawn(async move { retrying.finish(&finishes).await })
    };
    opponents.collide(|| finishing.is_finished()).await;
    let outcomes = finishing.await.expect("no panic");
    let judged = match outcomes {
        Ok(outcomes) => nothing_lost_or_doubled(&*store, &jobs, &outcomes).await,
        Err(error) => Judged::violated("L1", format!("it was not outlasted: {error}")),
    };
    let deadlocks = retrying.contention().deadlock;
    store.close().await;
    let judged = judged.and(|| exercised(deadlocks > 0, || "no deadlock occurred".to_owned()));
    conclude(&judged);
}

/// How often calls collided by one kind.
type Counted = fn(ContentionCounts) -> u64;

/// The server itself refuses the first calls, with each code that says "again": counted by a sequence,
/// which no rollback takes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn collisions_of_every_kind_are_outlasted() {
    const COLLISIONS: u64 = 3;
    let kinds: [(&str, Counted); 3] = [
        ("40P01", |counts| counts.deadlock),
        ("40001", |counts| counts.serialization_failure),
        ("55P03", |counts| counts.lock_timeout),
    ];
    let mut judged = Judged::Passed;
    for (code, counted) in kinds {
        let database = TestDatabase::create().await;
        let store: Arc<dyn Store> = Arc::new(database.store().await.expect("it is there"));
        let (jobs, keys) = leases(&*store, 4).await;
        let client = database.client().await;
        let trigger = format!(
            "CREATE SEQUENCE collisions; \
             CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF nextval('longshore.collisions') <= {COLLISIONS} THEN \
                     RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; \
                 END IF; RETURN NEW; END $$; \
             CREATE TRIGGER collide BEFORE INSERT ON settled FOR EACH STATEMENT \
                 EXECUTE FUNCTION collide()"
        );
        client.batch_execute(&trigger).await.expect("a superuser");
        let retrying = Retrying::new(Arc::clone(&store));
        let finishes: Vec<Finish> = keys.iter().copied().map(completed).collect();
        let outcomes = retrying.finish(&finishes).await;
        let seen = counted(retrying.contention());
        let total = retrying.contention().total();
        let here = match outcomes {
            Ok(outcomes) => nothing_lost_or_doubled(&*store, &jobs, &outcomes).await,
            Err(error) => Judged::violated("L1", format!("{code} was not outlasted: {error}")),
        };
        store.close().await;
        judged = judged.and(|| here).and(|| {
            exercised(seen == COLLISIONS && total == COLLISIONS, || {
                format!("{seen} collisions {code} of {total} were seen, {COLLISIONS} forced")
            })
        });
    }
    conclude(&judged);
}

/// Another process holds SQLite's one write lock for longer than a call waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_busy_file_is_outlasted() {
    let home = Home::new();
    let path = home.database();
    std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("ours");
    let options = longshore::sqlite::Options {
        busy_budget: Duration::from_millis(50),
        ..longshore::sqlite::Options::default()
    };
    let store = SqliteStore::open(&path, options).await.expect("a new file");
    let store: Arc<dyn Store> = Arc::new(store);
    let (jobs, keys) = leases(&*store, 4).await;
    let other = rusqlite::Connection::open(&path).expect("the file is there");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes");
    let retrying = Retrying::new(Arc::clone(&store)).within(Duration::from_mins(1));
    let finishing = {
        let retrying = retrying.clone();
        let finishes: Vec<Finish> = keys.iter().copied().map(completed).collect();
        tokio::spawn(async move { retrying.finish(&finishes).await })
    };
    eventually("two calls were refused as busy", async || {
        (retrying.contention().busy >= 2).then_some(())
    })
    .await;
    other.execute_batch("ROLLBACK").expect("it was held");
    let outcomes = finishing.await.expect("no panic");
    let judged = match outcomes {
        Ok(outcomes) => nothing_lost_or_doubled(&*store, &jobs, &outcomes).await,
        Err(error) => Judged::violated("L1", format!("it was not outlasted: {error}")),
    };
    store.close().await;
    conclude(&judged);
}

/// The address with these settings of its sessions.
pub fn with_settings(url: &str, settings: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let settings = settings.replace(' ', "%20").replace('=', "%3D");
    format!("{url}{separator}options={settings}")
}
