//! [`Reading`], repeated on contention.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{
    EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputPage, OutputRequest, Reading,
    StoreResult,
};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, State};

use super::Retrying;

#[async_trait]
impl Reading for Retrying {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        let filter = filter.clone();
        self.call("list_jobs", move |store| {
            let filter = filter.clone();
            async move { store.list_jobs(&filter).await }
        })
        .await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        self.call(
            "show_job",
            move |store| async move { store.show_job(job).await },
        )
        .await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        let jobs: Arc<[JobId]> = jobs.into();
        self.call("states", move |store| {
            let jobs = Arc::clone(&jobs);
            async move { store.states(&jobs).await }
        })
        .await
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        self.call(
            "newest_job",
            |store| async move { store.newest_job().await },
        )
        .await
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        self.call("read_output", move |store| async move {
            store.read_output(request).await
        })
        .await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.call(
            "queue_stats",
            |store| async move { store.queue_stats().await },
        )
        .await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.call("worker_metrics", |store| async move {
            store.worker_metrics().await
        })
        .await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        self.call("settled_counts", |store| async move {
            store.settled_counts().await
        })
        .await
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        self.call("ended_by_minute", move |store| async move {
            store.ended_by_minute(minutes).await
        })
        .await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        self.call("next_due", move |store| async move {
            store.next_due(limit).await
        })
        .await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        self.call(
            "usage_of",
            move |store| async move { store.usage_of(job).await },
        )
        .await
    }
}
