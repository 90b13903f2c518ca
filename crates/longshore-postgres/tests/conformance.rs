//! Every promise of the `Store` trait, on PostgreSQL: the testkit's suite, a database per case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::Store;
use longshore_postgres::testing::TestDatabase;
use longshore_testkit::store::{Aged, StoreHarness};

struct Harness(TestDatabase);

#[async_trait]
impl StoreHarness for Harness {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(
            self.0
                .store()
                .await
                .expect("the database is there and migrated"),
        )
    }

    async fn age(&self, what: Aged, by: Duration) {
        match what {
            Aged::Heartbeat(worker) => self.0.age_heartbeat(worker, by).await,
            Aged::HostSeen(host) => self.0.age_host(host, by).await,
        }
    }

    async fn slot_of(&self, job: JobId) -> i64 {
        let client = self.0.client().await;
        let sql = "SELECT slot FROM lease WHERE job_id = $1";
        let row = client.query_one(sql, &[&job.0]).await;
        row.expect("the job has a lease").get(0)
    }
}

async fn harness() -> Harness {
    Harness(TestDatabase::create().await)
}

longshore_testkit::store_conformance!(harness);
