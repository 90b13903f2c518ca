//! [`Submissions`], repeated on contention.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::store::{CancelOutcome, NewJob, StoreResult, Submissions, Submitted};
use longshore_core::{JobId, Priority};

use super::Retrying;

#[async_trait]
impl Submissions for Retrying {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let jobs: Arc<[NewJob]> = jobs.into();
        self.call("submit", move |store| {
            let jobs = Arc::clone(&jobs);
            async move { store.submit(&jobs).await }
        })
        .await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.call("queue_job", move |store| async move {
            store.queue_job(job).await
        })
        .await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.call("dequeue_job", move |store| async move {
            store.dequeue_job(job).await
        })
        .await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        self.call("reprioritise", move |store| async move {
            store.reprioritise(job, priority).await
        })
        .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        self.call("request_cancel", move |store| async move {
            store.request_cancel(job).await
        })
        .await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.call("retry_job", move |store| async move {
            store.retry_job(job).await
        })
        .await
    }
}
