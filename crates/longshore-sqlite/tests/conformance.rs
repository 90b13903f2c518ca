//! The store conformance suite, on temporary files. Every handle of a case has a writer and
//! readers of its own, as another process would have.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::access::ApiTokenId;
use longshore_core::store::Store;
use longshore_sqlite::{Options, SqliteStore};
use longshore_testkit::store::{Aged, StoreHarness};
use longshore_testkit::wait::PATIENCE;
use rusqlite::Connection;

struct TemporaryFile {
    folder: tempfile::TempDir,
}

impl TemporaryFile {
    fn path(&self) -> PathBuf {
        self.folder.path().join("longshore.db")
    }

    /// A connection beside the store's, which waits for its turn.
    fn beside(&self) -> Connection {
        let beside = Connection::open(self.path()).expect("the file opens");
        beside
            .busy_timeout(PATIENCE)
            .expect("a time that SQLite can take");
        beside
    }
}

#[async_trait]
impl StoreHarness for TemporaryFile {
    async fn open(&self) -> Arc<dyn Store> {
        let opened = SqliteStore::open(self.path(), Options::default()).await;
        Arc::new(opened.expect("a temporary file opens"))
    }

    async fn age(&self, what: Aged, by: Duration) {
        let (sql, id) = match what {
            Aged::Heartbeat(worker) => (
                "UPDATE worker SET heartbeat_at = heartbeat_at - ?2 WHERE id = ?1",
                worker.0,
            ),
            Aged::HostSeen(host) => (
                "UPDATE host SET last_seen_at = last_seen_at - ?2 WHERE id = ?1",
                host.0,
            ),
        };
        let aged = self.beside().execute(sql, (id, micros(by)));
        assert_eq!(aged.expect("the file can be written"), 1, "{what:?}");
    }

    async fn age_token_use(&self, token: ApiTokenId, by: Duration) {
        let sql = "UPDATE api_token SET last_used_at = last_used_at - ?2 WHERE id = ?1";
        let aged = self.beside().execute(sql, (token.0, micros(by)));
        assert_eq!(aged.expect("the file can be written"), 1, "{token}");
    }

    async fn age_audit(&self, by: Duration) {
        let sql = "UPDATE audit SET at = at - ?1";
        let aged = self.beside().execute(sql, [micros(by)]);
        assert!(
            aged.expect("the file can be written") > 0,
            "there are lines"
        );
    }

    async fn age_changes(&self, by: Duration) {
        let aged = self
            .beside()
            .execute("UPDATE change SET at = at - ?1", [micros(by)]);
        assert!(
            aged.expect("the file can be written") > 0,
            "there are changes"
        );
    }

    async fn age_deliveries(&self, by: Duration) {
        let sql = "UPDATE delivery SET ended_at = ended_at - ?1, at = at - ?1";
        let aged = self.beside().execute(sql, [micros(by)]);
        assert!(
            aged.expect("the file can be written") > 0,
            "there are deliveries"
        );
    }

    async fn slot_of(&self, job: JobId) -> i64 {
        let sql = "SELECT slot FROM lease WHERE job_id = ?1";
        let slot = self.beside().query_row(sql, [job.0], |row| row.get(0));
        slot.expect("the job has a lease")
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("not that long")
}

async fn temporary_file() -> TemporaryFile {
    TemporaryFile {
        folder: tempfile::tempdir().expect("a temporary folder"),
    }
}

longshore_testkit::store_conformance!(temporary_file);
