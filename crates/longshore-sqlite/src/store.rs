//! [`SqliteStore`]: opening and closing it. Its verbs lie in one file per concern.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::InstanceId;
use longshore_core::store::{Store, StoreResult, Wakeups};

use crate::engine::Engine;
use crate::sql;

/// How a store behaves, beside what is promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How long a verb waits for the write lock that another process holds before it fails as
    /// contended.
    pub busy_budget: Duration,
    /// Threads that answer questions.
    pub readers: usize,
}

impl Default for Options {
    /// 5 s, and two readers: a slow question does not hold back a quick one.
    fn default() -> Self {
        Self {
            busy_budget: Duration::from_secs(5),
            readers: 2,
        }
    }
}

/// A database of jobs in one SQLite file, shared by any number of processes of one machine.
pub struct SqliteStore {
    pub(crate) engine: Engine,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.engine.path())
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file at `path`, making it and its folder where they are missing (readable by
    /// their owner alone), and brings it to the newest schema.
    ///
    /// # Errors
    /// [`longshore_core::store::StoreError::BadAddress`] for what is no database or that of another
    /// program, `CannotWrite` for what can't be written, `SchemaTooNew` for a file of a newer Longshore.
    pub async fn open(path: impl Into<PathBuf>, options: Options) -> StoreResult<Self> {
        Ok(Self {
            engine: Engine::start(path.into(), options).await?,
        })
    }

    /// How often this handle looked for the write lock and found it with another, since it was
    /// opened: it rises while a verb waits.
    pub fn looks_in_vain(&self) -> u64 {
        self.engine.looks_in_vain()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        let read = |tx: &crate::tx::Tx<'_>| tx.one(sql!("instance"), [], |row| row.get(0));
        self.engine
            .read("read the instance", read)
            .await
            .map(InstanceId)
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.engine
            .read("read the clock", |tx| Ok(tx.now.time()))
            .await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        Box::new(self.engine.wakeups())
    }

    async fn close(&self) {
        self.engine.close().await;
    }
}
