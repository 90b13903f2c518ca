//! Every promise of the `Store` trait, on PostgreSQL: the testkit's suite, a database per case.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::store::Store;
use longshore_postgres::testing::TestDatabase;
use longshore_testkit::store::StoreHarness;

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
}

async fn harness() -> Harness {
    Harness(TestDatabase::create().await)
}

longshore_testkit::store_conformance!(harness);
