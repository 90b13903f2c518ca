//! The store conformance suite, on temporary files. Every handle of a case has a writer and
//! readers of its own, as another process would have.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::store::Store;
use longshore_sqlite::{Options, SqliteStore};
use longshore_testkit::store::StoreHarness;

struct TemporaryFile {
    folder: tempfile::TempDir,
}

impl TemporaryFile {
    fn path(&self) -> PathBuf {
        self.folder.path().join("longshore.db")
    }
}

#[async_trait]
impl StoreHarness for TemporaryFile {
    async fn open(&self) -> Arc<dyn Store> {
        let opened = SqliteStore::open(self.path(), Options::default()).await;
        Arc::new(opened.expect("a temporary file opens"))
    }
}

async fn temporary_file() -> TemporaryFile {
    TemporaryFile {
        folder: tempfile::tempdir().expect("a temporary folder"),
    }
}

longshore_testkit::store_conformance!(temporary_file);
