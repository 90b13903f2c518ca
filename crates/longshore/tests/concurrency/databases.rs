//! A fresh database of each kind.

use std::sync::Arc;

use longshore_core::store::Store;
use longshore_postgres::testing::TestDatabase;
use longshore_sqlite::SqliteStore;
use tempfile::TempDir;

/// One of each kind, for as long as this lives.
pub struct Databases {
    pub sqlite: Arc<dyn Store>,
    pub postgres: Arc<dyn Store>,
    _folder: TempDir,
    _server: TestDatabase,
}

impl Databases {
    /// Fresh ones.
    pub async fn create() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("longshore.db");
        let sqlite = SqliteStore::open(path, longshore_sqlite::Options::default()).await;
        let server = TestDatabase::create().await;
        let postgres = server.store().await.expect("it is there and migrated");
        Self {
            sqlite: Arc::new(sqlite.expect("a temporary file opens")),
            postgres: Arc::new(postgres),
            _folder: folder,
            _server: server,
        }
    }

    /// Both.
    pub fn both(&self) -> [Arc<dyn Store>; 2] {
        [Arc::clone(&self.sqlite), Arc::clone(&self.postgres)]
    }

    /// Ends their connections.
    pub async fn close(self) {
        self.sqlite.close().await;
        self.postgres.close().await;
    }
}
