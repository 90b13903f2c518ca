//! [`Reading`], passed on: what looks changes nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{
    EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputPage, OutputRequest, Reading,
    StoreResult,
};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, State};

use super::Recording;

#[async_trait]
impl Reading for Recording {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        self.inner.list_jobs(filter).await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        self.inner.show_job(job).await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        self.inner.states(jobs).await
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        self.inner.newest_job().await
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        self.inner.read_output(request).await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.inner.queue_stats().await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.inner.worker_metrics().await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        self.inner.settled_counts().await
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        self.inner.ended_by_minute(minutes).await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        self.inner.next_due(limit).await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        self.inner.usage_of(job).await
    }
}
