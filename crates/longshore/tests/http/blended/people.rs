//! What people ask, over HTTP.

use async_trait::async_trait;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{
    CancelOutcome, ChangeCursor, ChangePage, Changes, EndedInMinute, JobDetail, JobFilter, JobPage,
    JobSummary, NewJob, OutputPage, OutputRequest, Reading, StoreResult, Submissions, Submitted,
};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, Priority, State};
use std::collections::BTreeMap;

use super::Blended;

#[async_trait]
impl Submissions for Blended {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        self.http.submit(jobs).await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.http.queue_job(job).await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.http.dequeue_job(job).await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        self.http.reprioritise(job, priority).await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        self.http.request_cancel(job).await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.http.retry_job(job).await
    }
}

#[async_trait]
impl Reading for Blended {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        self.http.list_jobs(filter).await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        self.http.show_job(job).await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        self.http.states(jobs).await
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        self.http.newest_job().await
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        self.http.read_output(request).await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.http.queue_stats().await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.http.worker_metrics().await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        self.http.settled_counts().await
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        self.http.ended_by_minute(minutes).await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        self.http.next_due(limit).await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        self.http.usage_of(job).await
    }
}

#[async_trait]
impl Changes for Blended {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        self.http.changes(after, limit).await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        self.http.newest_change().await
    }
}
