//! Longshore's store on PostgreSQL 15 or later (PROTOCOL sections 1 to 3).
//!
//! [`PostgresStore`] implements every verb of [`longshore_core::store::Store`]. The statements stand
//! in `sql/`, one per file with its purpose, locks and index; functions and tables in `migrations/`.
//! Rust here passes columns in, reads rows out and maps errors; it decides nothing that core decides,
//! and holds no transaction across anything but its own statements.
//!
//! Everything lives in the schema `longshore`. Each session is told by startup options its
//! `search_path`, `default_transaction_isolation`, `lock_timeout`, `statement_timeout`,
//! `idle_in_transaction_session_timeout`, `synchronous_commit`, `timezone` and `jit`. Behind a
//! transaction pooler, which loses them (`PgBouncer` refuses them unless its
//! `ignore_startup_parameters` names `options`), the role must say the same by `ALTER ROLE … SET`;
//! connecting and migrating refuse a session without the first five, with the statements that mend
//! it. A pooler that mixes up its clients' prepared statements is refused. Notifications don't arrive
//! there; jobs are found by polling.

mod access;
mod acquire;
mod ageing;
mod changes;
mod databases;
mod db;
mod diagnosis;
mod error;
mod finish;
mod frontier;
mod holders;
mod hosts;
mod instance;
mod leases;
mod lent;
mod lines;
mod list;
mod migrate;
mod moves;
mod notifier;
mod observed;
mod output;
mod pooler;
mod queues;
mod reading;
mod recovery;
mod registry;
mod rows;
mod server;
mod session;
mod show;
mod slots;
mod snapshot;
mod standing;
mod storage;
mod submissions;
mod submit;
mod templates;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamps;
mod tls;
mod transfer;
mod upkeep;
mod wakeups;
mod webhooks;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::store::{Store, StoreResult, Wakeups};
use longshore_core::{InstanceId, QueueId};
use tokio::task::JoinSet;

pub use databases::{create_database, drop_database};
pub use migrate::{Migrated, migrate};
pub use observed::{Activity, HeldSnapshot, activity, hold_snapshot};

use db::Db;
use lines::Lines;
use notifier::Notifier;
use queues::QueueNames;
use server::Server;
use timestamps::At;
use wakeups::Listener;

/// How migrating is called in errors.
const VERB_MIGRATE: &str = "migrate";
/// How connecting is.
const VERB_CONNECT: &str = "connect";

/// How a store speaks to its server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most connections at once, the one for listening not counted.
    pub pool_size: usize,
    /// In a process that listens, connections that were not used for so long are closed, but for the one
    /// that listens. Not zero.
    pub idle_time: Duration,
    /// What the server shows for our sessions.
    pub application_name: String,
    /// How long a statement waits for a lock before it fails as contended.
    pub lock_timeout: Duration,
    /// How long a statement may take before it fails as contended.
    pub statement_timeout: Duration,
    /// How often the frontier of a queue in use is looked at; none means only by
    /// [`PostgresStore::look_at_line`].
    pub look_interval: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool_size: 8,
            idle_time: Duration::from_secs(10),
            application_name: "longshore".to_owned(),
            lock_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(30),
            look_interval: Some(Duration::from_millis(500)),
        }
    }
}

/// The store on PostgreSQL.
#[derive(Debug)]
pub struct PostgresStore {
    db: Db,
    queues: QueueNames,
    lines: Arc<Lines>,
    notifier: Arc<Notifier>,
    listener: Listener,
    look_interval: Option<Duration>,
    is_looking: AtomicBool,
    /// Where the last pass of `prune` ended: a hint, per process.
    prune_after: AtomicI64,
    tasks: Mutex<JoinSet<()>>,
}

impl PostgresStore {
    /// Connects to a migrated database, and refuses one of another version.
    pub async fn connect(url: &str, options: Options) -> StoreResult<Self> {
        let server = Server::with(url, &options)?;
        let db = Db::new(server.clone(), &options)?;
        let client = match db.client(VERB_CONNECT).await {
            Ok(client) => client,
            Err(error) => return Err(pooler::explain(url, error).await),
        };
        let is_told_at_start = migrate::check(&client).await?;
        if !is_told_at_start {
            let between = pooler::look(VERB_CONNECT, &server, &client).await?;
            pooler::refuse_unfit(VERB_CONNECT, between)?;
        }
        client.give_back();
        Ok(Self {
            notifier: Arc::new(Notifier::new(db.clone())),
            listener: Listener::new(db.clone()),
            queues: QueueNames::default(),
            lines: Arc::new(Lines::new(db.clone())),
            db,
            look_interval: options.look_interval,
            is_looking: AtomicBool::new(false),
            prune_after: AtomicI64::new(0),
            tasks: Mutex::default(),
        })
    }

    /// Lets a role of the database submit jobs from SQL, by `longshore.submit(jsonb)` and
    /// `longshore.submit_many(jsonb)`, and nothing else.
    pub async fn grant_submit(&self, role: &str) -> StoreResult<()> {
        submit::grant(&self.db, role).await
    }

    /// Looks at a queue's line once, for its frontier. The store does so by itself; tests and
    /// benches that want to know when, do it by hand.
    pub async fn look_at_line(&self, queue: QueueId) -> StoreResult<()> {
        self.lines.look(queue, Duration::ZERO).await
    }

    /// How often a frontier moved on unproved in this process, because a writer was open for more
    /// than 10 s. Each time is logged as a warning.
    pub fn frontier_hints(&self) -> u64 {
        self.lines.hints()
    }

    /// Starts looking at the lines, unless that is done by hand or has begun.
    fn start_looking(&self) {
        let Some(interval) = self.look_interval else {
            return;
        };
        if !self.is_looking.swap(true, Ordering::Relaxed) {
            let looking = Arc::clone(&self.lines).keep_looking(interval);
            self.tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .spawn(looking);
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        let row = self
            .db
            .one(
                "read the instance",
                include_str!("../sql/instance.sql"),
                &[],
            )
            .await?;
        Ok(InstanceId(rows::column("read the instance", &row, "id")?))
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        let row = self
            .db
            .one("read the clock", "SELECT clock_timestamp() AS now", &[])
            .await?;
        let At(now) = rows::column("read the clock", &row, "now")?;
        Ok(now)
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        self.listener.subscribe()
    }

    async fn close(&self) {
        self.notifier.close().await;
        self.listener.close();
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
        self.db.close();
    }
}
