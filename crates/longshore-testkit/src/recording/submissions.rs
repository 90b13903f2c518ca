//! [`Submissions`], written down.

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::priority::Priority;
use longshore_core::store::{CancelOutcome, NewJob, StoreResult, Submissions, Submitted};
use longshore_history::store::{self as told, Answer, Call, Nothing};

use super::{Recording, words};

#[async_trait]
impl Submissions for Recording {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let call = Call::Submit(jobs.iter().map(words::new_job).collect());
        self.call(call, self.inner.submit(jobs), |answers| {
            let submitted = answers.iter().map(|answer| told::Submitted {
                job: words::job(answer.job),
                new: answer.is_new,
            });
            Answer::Submit(submitted.collect())
        })
        .await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        let call = Call::QueueJob(words::one(job));
        self.call(call, self.inner.queue_job(job), |()| {
            Answer::QueueJob(Nothing {})
        })
        .await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        let call = Call::DequeueJob(words::one(job));
        self.call(call, self.inner.dequeue_job(job), |()| {
            Answer::DequeueJob(Nothing {})
        })
        .await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        let call = Call::Reprioritise(words::priority(job, priority));
        self.call(call, self.inner.reprioritise(job, priority), |()| {
            Answer::Reprioritise(Nothing {})
        })
        .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        let call = Call::RequestCancel(words::one(job));
        self.call(call, self.inner.request_cancel(job), |outcome| {
            Answer::RequestCancel(words::cancel(*outcome))
        })
        .await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        let call = Call::RetryJob(words::one(job));
        self.call(call, self.inner.retry_job(job), |()| {
            Answer::RetryJob(Nothing {})
        })
        .await
    }
}
