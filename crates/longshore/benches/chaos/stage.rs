//! What every run stands on: a server of its own, a home, the line and its limit.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longshore::postgres::{Options, PostgresStore};
use longshore::{JobSpec, Store};
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use tokio::time::{Instant, sleep};

use crate::fleet::Fleet;
use crate::load::{self, Load};
use crate::rates::{Meter, median};
use crate::support::Home;
use longshore_testkit::servers::Postgres;

/// The line that everything waits in.
pub const QUEUE: &str = "line";
/// How many of its jobs may be live at once.
pub const LIMIT: u32 = 16;
/// The workers, and how many jobs each may have.
pub const WORKERS: usize = 3;
pub const PLACES: u32 = 8;
/// How long a fleet works before anything is counted.
pub const WARM_UP: Duration = Duration::from_secs(10);

/// A server and a home of one run.
pub struct Stage {
    pub server: Postgres,
    pub home: Arc<Home>,
    pub store: Arc<dyn Store>,
}

impl Stage {
    /// Starts the server, makes the tables and the line.
    pub async fn set() -> Self {
        // As it would run in earnest, but for its size; the tests' own servers need not be safe.
        let settings = [
            "fsync=on",
            "shared_buffers=128MB",
            "max_connections=60",
            "autovacuum_naptime=15s",
        ];
        let server = tokio::task::block_in_place(|| Postgres::start(&settings));
        let server = server.expect("PostgreSQL's programs are installed");
        let home = Arc::new(Home::new());
        home.ok(&["migrate", "--database", &server.url()]);
        let connected = PostgresStore::connect(&server.url(), Options::default()).await;
        let store: Arc<dyn Store> = Arc::new(connected.expect("it has just been migrated"));
        let queue = NewQueue {
            name: QUEUE.to_owned(),
            executor: "process".to_owned(),
            host_selector: BTreeMap::new(),
            max_concurrent: Some(Limit(LIMIT)),
        };
        store.create_queue(&queue).await.expect("a new queue");
        Self {
            server,
            home,
            store,
        }
    }

    /// Where the jobs write.
    pub fn witness(&self) -> PathBuf {
        self.home.path().join("witness.log")
    }

    /// A job of the line.
    pub fn job(&self) -> JobSpec {
        let witness = self.witness();
        load::witnessing_job(QUEUE, witness.to_str().expect("temporary paths are UTF-8"))
    }

    /// A fleet at work.
    pub fn fleet(&self) -> Fleet {
        Fleet::start(&self.home, &self.server.url(), WORKERS)
    }

    /// A steady load.
    pub fn load(&self, rate: f64) -> Load {
        Load::begin(Arc::clone(&self.store), rate, self.job())
    }
}

/// How many jobs a second the fleet ends when there is always one more: the median of some seconds.
pub async fn capacity() -> f64 {
    const COUNTED: Duration = Duration::from_secs(20);
    let stage = Stage::set().await;
    let meter = Meter::begin(stage.witness());
    let load = stage.load(0.0);
    load.burst(20_000);
    let fleet = stage.fleet();
    sleep(WARM_UP).await;
    let begun = Instant::now();
    sleep(COUNTED).await;
    let capacity = median(&meter.per_second(begun, Instant::now()));
    let ended = fleet.end().await;
    assert_eq!(ended.faults, Vec::<String>::new());
    load.end().await;
    capacity
}
