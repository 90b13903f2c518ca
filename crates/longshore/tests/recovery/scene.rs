//! A database, workers on it that notice a death within seconds, and jobs that write down what they do.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use longshore::postgres::PostgresStore;
use longshore::postgres::testing::TestDatabase;
use longshore::sqlite::{Options, SqliteStore};
use longshore::{JobId, JobSpec, State, Store};
use longshore_core::store::JobDetail;

use crate::support::{Home, Running};

/// Which database.
#[derive(Clone, Copy, Debug)]
pub enum On {
    Sqlite,
    Postgres,
}

/// A database of one test, in a home of its own.
pub struct Scene {
    pub home: Home,
    pub address: String,
    database: Option<TestDatabase>,
}

impl Scene {
    pub async fn on(on: On) -> Self {
        let home = Home::new();
        let database = match on {
            On::Sqlite => None,
            On::Postgres => Some(TestDatabase::create().await),
        };
        let address = database.as_ref().map_or_else(
            || format!("sqlite:{}", home.path().join("longshore.db").display()),
            TestDatabase::url,
        );
        Self {
            home,
            address,
            database,
        }
    }

    pub async fn store(&self) -> Arc<dyn Store> {
        match &self.database {
            Some(database) => {
                let store: PostgresStore = database.store().await.expect("the database is there");
                Arc::new(store)
            }
            None => {
                let path = self.home.path().join("longshore.db");
                let opened = SqliteStore::open(path, Options::default()).await;
                Arc::new(opened.expect("the database can be opened"))
            }
        }
    }

    /// Where jobs write.
    pub fn witness(&self) -> PathBuf {
        self.home.path().join("witness.log")
    }

    /// The lines that jobs wrote so far.
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.witness()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many lines begin with this.
    pub fn count(&self, word: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.starts_with(word)).count()
    }

    /// Lets the jobs that wait for it go on.
    pub fn open_the_gate(&self) {
        fs::write(self.home.path().join("gate"), "").expect("the home can be written");
    }

    /// A worker whose lease is short, on this queue.
    pub fn worker(&self, queue: &str, flags: &[&str]) -> Running {
        let on = ["worker", "--queue", queue, "--database", &self.address];
        let pace = ["--poll-interval", "100ms"];
        let lease = ["--lease-ttl", "2s", "--heartbeat", "500ms"];
        self.home.spawn(&[&on[..], &pace, &lease, flags].concat())
    }

    /// Stops a worker in the midst of its work, though not while it holds the lock of an SQLite file:
    /// that would stop everybody.
    pub async fn stall(&self, worker: &Running) {
        loop {
            worker.signal("STOP");
            if self.database.is_some() || self.is_unlocked() {
                return;
            }
            worker.signal("CONT");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    fn is_unlocked(&self) -> bool {
        let path = self.home.path().join("longshore.db");
        let beside = rusqlite::Connection::open(path).expect("the file is there");
        beside
            .busy_timeout(std::time::Duration::ZERO)
            .expect("a setting");
        beside.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
    }

    /// Submits one job.
    pub async fn submit(&self, store: &dyn Store, spec: JobSpec) -> JobId {
        let job = spec.validate().expect("a valid job");
        let submitted = store.submit(&[job]).await.expect("it is submitted");
        submitted[0].job
    }

    /// Waits until the job has ended, and says how.
    pub async fn ended(&self, store: &dyn Store, job: JobId) -> JobDetail {
        self.reached(store, job, State::is_terminal).await
    }

    /// Waits until the job is in such a state.
    pub async fn reached(
        &self,
        store: &dyn Store,
        job: JobId,
        is_it: impl Fn(State) -> bool,
    ) -> JobDetail {
        let begun = std::time::Instant::now();
        loop {
            let detail = store.show_job(job).await.expect("the store answers");
            if is_it(detail.summary.state) {
                return detail;
            }
            assert!(
                begun.elapsed() < crate::support::DEADLINE,
                "waited too long, job {job}: {detail:#?}; the jobs wrote {:?}",
                self.lines()
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Waits for a condition.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = std::time::Instant::now();
        while !holds(self) {
            assert!(
                begun.elapsed() < crate::support::DEADLINE,
                "waited too long until {what}; the jobs wrote {:?}",
                self.lines()
            );
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// That the tables are as they should be, once nothing runs.
    pub async fn conclude(&self, store: &dyn Store) {
        let audit = store.audit().await.expect("the audit runs");
        assert_eq!(audit, Vec::<String>::new());
        store.close().await;
    }
}

/// One test for each database.
macro_rules! on_both_databases {
    ($($test:ident),* $(,)?) => {
        $(mod $test {
            use $crate::scene::{On, Scene};

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                super::$test(Scene::on(On::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_postgres() {
                super::$test(Scene::on(On::Postgres).await).await;
            }
        })*
    };
}
pub(crate) use on_both_databases;
