//! [`Upkeep`], repeated on contention.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::queue::Count;
use longshore_core::store::{Aged, Finding, Pruned, Retention, StoreResult, Upkeep};

use super::Retrying;

#[async_trait]
impl Upkeep for Retrying {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        self.call("stage_due", move |store| async move {
            store.stage_due(limit).await
        })
        .await
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        self.call("expire_waiting", move |store| async move {
            store.expire_waiting(limit).await
        })
        .await
    }

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        self.call("age_waiting", move |store| async move {
            store.age_waiting(limit).await
        })
        .await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.call(
            "prune",
            move |store| async move { store.prune(retention).await },
        )
        .await
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        self.call("prunable", move |store| async move {
            store.prunable(keep).await
        })
        .await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        self.call("tend_storage", move |store| async move {
            store.tend_storage(retention).await
        })
        .await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.call("audit", |store| async move { store.audit().await })
            .await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        self.call("diagnose", |store| async move { store.diagnose().await })
            .await
    }
}
