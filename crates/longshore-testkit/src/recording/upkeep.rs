//! [`Upkeep`], written down.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::queue::Count;
use longshore_core::store::{Aged, Finding, Pruned, Retention, StoreResult, Upkeep};
use longshore_history::store::{Answer, Call, Many, Nothing};

use super::{Recording, words};

#[async_trait]
impl Upkeep for Recording {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        let call = Call::StageDue(at_most(limit));
        self.call(call, self.inner.stage_due(limit), |moved| {
            Answer::StageDue(Many { count: *moved })
        })
        .await
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        let call = Call::ExpireWaiting(at_most(limit));
        self.call(call, self.inner.expire_waiting(limit), |jobs| {
            Answer::ExpireWaiting(jobs.iter().copied().map(words::one).collect())
        })
        .await
    }

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        let call = Call::AgeWaiting(at_most(limit));
        self.call(call, self.inner.age_waiting(limit), |aged| {
            Answer::AgeWaiting(aged.iter().copied().map(words::aged).collect())
        })
        .await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        let call = Call::Prune(Nothing {});
        self.call(call, self.inner.prune(retention), |pruned| {
            Answer::Prune(Many { count: pruned.jobs })
        })
        .await
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        self.inner.prunable(keep).await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        self.inner.tend_storage(retention).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.inner.audit().await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        self.inner.diagnose().await
    }
}

fn at_most(limit: u32) -> Many {
    Many {
        count: u64::from(limit),
    }
}
