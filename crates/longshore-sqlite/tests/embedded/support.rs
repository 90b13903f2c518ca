//! What the tests of this store share.

use std::path::{Path, PathBuf};

use longshore_core::spec::{JobSpec, ValidSpec};
use longshore_sqlite::{Options, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

/// A folder for one database, which goes with this value.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// The database's file.
    pub fn file(&self) -> PathBuf {
        self.0.path().join("longshore.db")
    }
}

/// Opens a file that can be opened.
pub async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Options::default())
        .await
        .expect("the file opens")
}

/// A connection beside the store, as a shell or another program would have.
pub fn beside(path: &Path) -> Connection {
    Connection::open(path).expect("the file opens")
}

/// A job of the queue `local`.
pub fn job() -> ValidSpec {
    JobSpec::process(["true"]).validate().expect("a valid spec")
}
