//! Every promise of the `Store` trait, on PostgreSQL: the testkit's suite, a database per case.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::access::ApiTokenId;
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

    async fn age_token_use(&self, token: ApiTokenId, by: Duration) {
        let client = self.0.client().await;
        let sql = "UPDATE api_token SET last_used_at = last_used_at - make_interval(secs => $2)
                   WHERE id = $1";
        let aged = client.execute(sql, &[&token.0, &by.as_secs_f64()]).await;
        assert_eq!(aged.expect("a table"), 1, "{token}");
    }

    async fn age_audit(&self, by: Duration) {
        let client = self.0.client().await;
        let sql = "UPDATE audit SET at = at - make_interval(secs => $1)";
        let aged = client.execute(sql, &[&by.as_secs_f64()]).await;
        assert!(aged.expect("a table") > 0, "there are lines");
    }

    async fn age_changes(&self, by: Duration) {
        let client = self.0.client().await;
        let sql = "UPDATE change SET at = at - make_interval(secs => $1)";
        let aged = client.execute(sql, &[&by.as_secs_f64()]).await;
        assert!(aged.expect("a table") > 0, "there are changes");
    }

    async fn age_deliveries(&self, by: Duration) {
        let client = self.0.client().await;
        let sql = "UPDATE delivery SET ended_at = ended_at - make_interval(secs => $1), \
                   at = at - make_interval(secs => $1)";
        let aged = client.execute(sql, &[&by.as_secs_f64()]).await;
        assert!(aged.expect("a table") > 0, "there are deliveries");
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
