//! A scratch database whose `acquire` stops at a gate: one session is held inside the product's own
//! function while another acts. No sleeping: whether somebody waits is asked of the server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::store::{
    AcquireRequest, Acquired, Leases as _, Recovery as _, Store, StoreResult, TakeOverRequest,
    TakenOver,
};
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_postgres::{Options, PostgresStore};
use longshore_testkit::store::{Aged, StoreHarness};
use longshore_testkit::wait::eventually;
use tokio::task::JoinHandle;

/// Sessions of this name stop at gates, no others.
const GATED: &str = "gated";

/// The advisory lock that is the gate.
const GATE: i64 = 4711;

/// Longer than any test holds anything.
const PATIENT: Duration = Duration::from_secs(25);

/// Places in `acquire`, each before the text that begins there.
pub const BEFORE_TAKING: &str = "    IF room > 0 THEN";
pub const BEFORE_COMMIT: &str = "    IF above IS NULL THEN";

/// A place in `take_over`, where it knows whose time is over and has not said so.
pub const BEFORE_FENCING: &str = "    IF v_stale IS NOT NULL THEN";

/// A database of its own. Stores look at lines by hand alone.
pub struct Pg(pub TestDatabase);

impl Pg {
    pub async fn new() -> Self {
        Self(TestDatabase::create().await)
    }

    /// One whose `acquire` has a gate.
    pub async fn gated_at(place: &str) -> Self {
        Self::gated_in("acquire", place).await
    }

    /// One of whose functions has a gate.
    pub async fn gated_in(function: &str, place: &str) -> Self {
        let database = TestDatabase::create().await;
        let gate = format!(
            "    IF current_setting('application_name') = '{GATED}' THEN \
             PERFORM pg_advisory_xact_lock_shared({GATE}); END IF;\n{place}"
        );
        let with_gate = |text: &str| {
            assert_eq!(text.matches(place).count(), 1, "{place}");
            text.replacen(place, &gate, 1)
        };
        database.change_function(function, with_gate).await;
        Self(database)
    }

    async fn connect(&self, name: &str, lock_timeout: Duration) -> Arc<PostgresStore> {
        let options = Options {
            pool_size: 3,
            application_name: name.to_owned(),
            lock_timeout,
            look_interval: None,
            ..Options::default()
        };
        let store = PostgresStore::connect(&self.0.url(), options).await;
        Arc::new(store.expect("the database is there and migrated"))
    }

    /// A store that waits for locks as long as a test lasts.
    pub async fn patient(&self) -> Arc<PostgresStore> {
        self.connect("patient", PATIENT).await
    }

    /// A store that gives up waiting for a lock at once.
    pub async fn hasty(&self) -> Arc<PostgresStore> {
        self.connect("hasty", Duration::from_millis(50)).await
    }

    /// Closes the gate, and sends an acquisition that comes to wait at it.
    pub async fn held(&self, request: AcquireRequest) -> Held<Acquired> {
        self.held_in(|store| async move { store.acquire(request).await })
            .await
    }

    /// Closes the gate, and sends a take-over that comes to wait at it.
    pub async fn held_take_over(&self, request: TakeOverRequest) -> Held<Vec<TakenOver>> {
        self.held_in(|store| async move { store.take_over(&request).await })
            .await
    }

    async fn held_in<T, F>(&self, verb: impl FnOnce(Arc<PostgresStore>) -> F) -> Held<T>
    where
        T: Send + 'static,
        F: Future<Output = StoreResult<T>> + Send + 'static,
    {
        let gate = self.0.client().await;
        let close = format!("SELECT pg_advisory_lock({GATE})");
        gate.batch_execute(&close).await.expect("a lock");
        let task = tokio::spawn(verb(self.connect(GATED, PATIENT).await));
        self.until_waiting(1).await;
        Held { gate, task }
    }

    /// Waits until so many sessions wait for a lock.
    pub async fn until_waiting(&self, sessions: i64) {
        let client = self.0.client().await;
        eventually("sessions wait for locks", async || {
            (waiting(&client).await >= sessions).then_some(())
        })
        .await;
    }

    /// Waits until a task has ended, or waits for a lock beside the session at the gate.
    pub async fn until_ended_or_waiting<T>(&self, task: &JoinHandle<T>) {
        let client = self.0.client().await;
        eventually("it ends or waits", async || {
            (task.is_finished() || waiting(&client).await >= 2).then_some(())
        })
        .await;
    }
}

async fn waiting(client: &TestClient) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    client.query_one(sql, &[]).await.expect("a count").get(0)
}

/// A verb that waits at the gate.
pub struct Held<T> {
    gate: TestClient,
    task: JoinHandle<StoreResult<T>>,
}

impl<T> Held<T> {
    /// Opens the gate; what the verb brings.
    pub async fn go(self) -> T {
        let open = format!("SELECT pg_advisory_unlock({GATE})");
        self.gate.batch_execute(&open).await.expect("unlock");
        let answer = self.task.await.expect("it does not panic");
        answer.expect("nothing stands in its way any more")
    }
}

#[async_trait]
impl StoreHarness for Pg {
    async fn open(&self) -> Arc<dyn Store> {
        self.patient().await
    }

    async fn age(&self, what: Aged, by: Duration) {
        match what {
            Aged::Heartbeat(worker) => self.0.age_heartbeat(worker, by).await,
            Aged::HostSeen(host) => self.0.age_host(host, by).await,
        }
    }
}

/// A SQLite file of its own.
pub struct File(tempfile::TempDir);

impl File {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.0.path().join("longshore.db")
    }
}

#[async_trait]
impl StoreHarness for File {
    async fn open(&self) -> Arc<dyn Store> {
        let options = longshore_sqlite::Options::default();
        let opened = longshore_sqlite::SqliteStore::open(self.path(), options).await;
        Arc::new(opened.expect("a temporary file opens"))
    }

    async fn age(&self, what: Aged, by: Duration) {
        let Aged::Heartbeat(worker) = what else {
            panic!("no test of these needs {what:?} older");
        };
        let beside = rusqlite::Connection::open(self.path()).expect("the file opens");
        let sql = "UPDATE worker SET heartbeat_at = heartbeat_at - ?2 WHERE id = ?1";
        let micros = i64::try_from(by.as_micros()).expect("not that long");
        let aged = beside.execute(sql, (worker.0, micros));
        assert_eq!(aged.expect("the file can be written"), 1, "{worker}");
    }
}
