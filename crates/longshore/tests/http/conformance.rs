//! The store conformance suite with a server between people and the database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_client::RemoteStore;
use longshore_core::JobId;
use longshore_core::access::ApiTokenId;
use longshore_core::store::Store;
use longshore_sqlite::{Options, SqliteStore};
use longshore_testkit::store::{Aged, StoreHarness};
use longshore_testkit::wait::PATIENCE;
use rusqlite::Connection;

use crate::blended::Blended;
use crate::served::Served;

struct BehindAServer {
    folder: tempfile::TempDir,
}

impl BehindAServer {
    fn path(&self) -> PathBuf {
        self.folder.path().join("longshore.db")
    }

    /// Changes one row behind the store's back.
    fn change(&self, sql: &str, params: impl rusqlite::Params) {
        let beside = Connection::open(self.path()).expect("the file opens");
        beside
            .busy_timeout(PATIENCE)
            .expect("a time that SQLite can take");
        let changed = beside
            .execute(sql, params)
            .expect("the file can be written");
        assert!(changed > 0, "{sql}");
    }
}

#[async_trait]
impl StoreHarness for BehindAServer {
    async fn open(&self) -> Arc<dyn Store> {
        let opened = SqliteStore::open(self.path(), Options::default()).await;
        let direct: Arc<dyn Store> = Arc::new(opened.expect("a temporary file opens"));
        let served = Served::open(Arc::clone(&direct)).await;
        let http = RemoteStore::new(served.client(None));
        Arc::new(Blended {
            http,
            direct,
            served,
        })
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
        self.change(sql, (id, micros(by)));
    }

    async fn age_token_use(&self, token: ApiTokenId, by: Duration) {
        let sql = "UPDATE api_token SET last_used_at = last_used_at - ?2 WHERE id = ?1";
        self.change(sql, (token.0, micros(by)));
    }

    async fn age_audit(&self, by: Duration) {
        self.change("UPDATE audit SET at = at - ?1", [micros(by)]);
    }

    async fn age_changes(&self, by: Duration) {
        self.change("UPDATE change SET at = at - ?1", [micros(by)]);
    }

    async fn age_deliveries(&self, by: Duration) {
        let sql = "UPDATE delivery SET ended_at = ended_at - ?1, at = at - ?1";
        self.change(sql, [micros(by)]);
    }

    async fn slot_of(&self, job: JobId) -> i64 {
        let beside = Connection::open(self.path()).expect("the file opens");
        let sql = "SELECT slot FROM lease WHERE job_id = ?1";
        let slot = beside.query_row(sql, [job.0], |row| row.get(0));
        slot.expect("the job has a lease")
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("not that long")
}

async fn behind_a_server() -> BehindAServer {
    BehindAServer {
        folder: tempfile::tempdir().expect("a temporary folder"),
    }
}

longshore_testkit::store_conformance!(behind_a_server);
