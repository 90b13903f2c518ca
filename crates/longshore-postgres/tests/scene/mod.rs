//! What the tests of acquisition need around them: a database, a queue, jobs, and short ways to say
//! the usual things. What is not the usual thing panics.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::{Duration, Instant};

use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::disposition::Disposition;
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, QueueChange};
use longshore_core::spec::ValidSpec;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    AcquireRequest, Finish, FinishOutcome, Lease, LeaseKey, Leases, NewWorker, Registry,
    StoreResult, Submissions,
};
use longshore_core::{JobId, JobSpec, Priority, QueueId, WorkerId};
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_postgres::{Options, PostgresStore};
use longshore_testkit::proxy::{Dialect, Endpoint, Proxy};

pub const QUEUE: &str = "line";

pub struct Scene {
    pub store: PostgresStore,
    pub queue: QueueId,
    pub worker: WorkerId,
    pub database: TestDatabase,
}

/// Options under which nothing happens by itself, and lock waits are short.
pub fn by_hand() -> Options {
    Options {
        pool_size: 4,
        lock_timeout: Duration::from_millis(300),
        look_interval: None,
        ..Options::default()
    }
}

pub async fn scene(limit: Option<u32>) -> Scene {
    let database = TestDatabase::create().await;
    let store = PostgresStore::connect(&database.url(), by_hand())
        .await
        .expect("migrated");
    let queue = NewQueue {
        name: QUEUE.to_owned(),
        executor: "process".to_owned(),
        host_selector: std::collections::BTreeMap::new(),
        max_concurrent: limit.map(Limit),
    };
    let queue = store.create_queue(&queue).await.expect("a new name").id;
    let worker = new_worker(queue);
    let worker = store.register_worker(&worker).await.expect("a worker");
    Scene {
        store,
        queue,
        worker,
        database,
    }
}

/// A worker that serves the queue.
pub fn new_worker(queue: QueueId) -> NewWorker {
    NewWorker {
        name: "worker".to_owned(),
        hostname: "machine".to_owned(),
        pid: 1,
        boot_id: "boot".to_owned(),
        version: "0.0.0".to_owned(),
        queues: vec![queue],
        hosts: vec![],
        capacity: 1000,
        lease_ttl: Duration::from_hours(1),
    }
}

impl Scene {
    /// A proxy before the server, and the database's address through it.
    pub async fn proxy(&self) -> (Proxy, String) {
        let url = self.database.url();
        let (user, rest) = url.split_once('@').expect("a user");
        let (server, name) = rest.split_once('/').expect("a path");
        let server = Endpoint::Tcp(server.parse().expect("named by its number"));
        let proxy = Proxy::on_tcp(server, Dialect::Postgres).await;
        let through = format!("{user}@127.0.0.1:{}/{name}", proxy.port());
        (proxy, through)
    }

    /// Another store on the same database, as another process would have.
    pub async fn other(&self) -> PostgresStore {
        PostgresStore::connect(&self.database.url(), by_hand())
            .await
            .expect("migrated")
    }

    pub async fn submit(&self, count: usize) -> Vec<JobId> {
        let jobs: Vec<_> = (0..count).map(|_| job(50)).collect();
        let submitted = self.store.submit(&jobs).await.expect("valid");
        submitted.into_iter().map(|answer| answer.job).collect()
    }

    pub async fn acquire(&self, want: u32) -> Vec<Lease> {
        acquire(&self.store, self.queue, want)
            .await
            .expect("acquire")
    }

    pub async fn acquire_ids(&self, want: u32) -> Vec<JobId> {
        self.acquire(want)
            .await
            .iter()
            .map(|lease| lease.key.job)
            .collect()
    }

    pub async fn set_limit(&self, limit: Option<u32>) {
        let change = QueueChange {
            max_concurrent: Some(limit.map(Limit)),
            paused: None,
            ..QueueChange::default()
        };
        self.store
            .change_queue(QUEUE, &change)
            .await
            .expect("a known queue");
    }

    pub async fn look(&self, times: usize) {
        for _ in 0..times {
            self.store.look_at_line(self.queue).await.expect("a look");
        }
    }

    /// Looks once, as if it were `later`.
    pub async fn look_later(&self, later: Duration) {
        self.store
            .look_at_line_later(self.queue, later)
            .await
            .expect("a look");
    }

    /// Looks until the frontier of a lane has reached a seq. Other tests' transactions, in other
    /// databases of the server, hold it back while they are open.
    pub async fn look_until(&self, lane: i16, seq: i64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        let has_reached = |(known, at, _): &(i16, i64, i16)| *known == lane && *at >= seq;
        while !self
            .store
            .remembered(self.queue)
            .segments
            .iter()
            .any(has_reached)
        {
            assert!(
                Instant::now() < deadline,
                "{:?}",
                self.store.remembered(self.queue)
            );
            self.look(1).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub fn job(priority: i64) -> ValidSpec {
    let priority = Priority::new(priority).expect("0 to 100");
    let queue = Some(QUEUE.to_owned());
    JobSpec {
        queue,
        priority,
        ..JobSpec::process(["true"])
    }
    .validate()
    .expect("a plain job")
}

pub async fn acquire(store: &PostgresStore, queue: QueueId, want: u32) -> StoreResult<Vec<Lease>> {
    let request = AcquireRequest {
        queue,
        want,
        worker: WorkerId(1),
        acquire_number: 1,
        max_concurrent: None,
    };
    Ok(store.acquire(request).await?.leases)
}

pub fn completion(lease: LeaseKey) -> Finish {
    Finish {
        lease,
        record: AttemptRecord::exited(Exit::with_code(0)),
        then: Disposition::Settle(TerminalState::Completed),
    }
}

pub async fn complete(store: &PostgresStore, leases: &[LeaseKey]) {
    let finishes: Vec<_> = leases.iter().copied().map(completion).collect();
    let outcomes = store.finish(&finishes).await.expect("finish");
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == FinishOutcome::Finished),
        "{outcomes:?}"
    );
}

/// Submits a job by SQL, in whatever transaction the connection is in.
pub async fn submit_by_sql(client: &TestClient) -> JobId {
    let spec = serde_json::json!({ "command": ["true"], "queue": QUEUE });
    let row = client
        .query_one("SELECT longshore.submit($1)", &[&spec])
        .await
        .expect("valid");
    JobId(row.get(0))
}

/// Waits until nobody's transaction is older than this open one of `writer`: from then on it alone
/// holds back a proof of the frontier. Other tests work in other databases of the server.
pub async fn until_oldest_open(writer: &TestClient, watcher: &TestClient) {
    let own = "SELECT pg_current_xact_id()::text::bigint";
    let xid: i64 = writer.query_one(own, &[]).await.expect("an id").get(0);
    let oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
    let deadline = Instant::now() + Duration::from_mins(1);
    while watcher
        .query_one(oldest, &[])
        .await
        .expect("an id")
        .get::<_, i64>(0)
        < xid
    {
        assert!(Instant::now() < deadline, "an older transaction stays open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until `count` sessions of this database wait for a lock.
pub async fn until_waiting_for_a_lock(client: &TestClient, count: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(10);
    while client
        .query_one(sql, &[])
        .await
        .expect("a count")
        .get::<_, i64>(0)
        < count
    {
        assert!(Instant::now() < deadline, "nobody waits for a lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
