//! What people ask of jobs. Each verb is one transaction.

mod moves;
mod submit;

use async_trait::async_trait;
use longshore_core::store::{
    CancelOutcome, NewJob, StoreResult, Submissions, Submitted, check_submission,
};
use longshore_core::{JobId, Priority};

use crate::error::Outcome;
use crate::store::SqliteStore;
use crate::writer::News;

#[async_trait]
impl Submissions for SqliteStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let verb = "submit";
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        check_submission(jobs)?;
        // Written out before the writer is asked, which has more to do than to make JSON.
        let jobs = jobs
            .iter()
            .map(submit::Prepared::new)
            .collect::<Outcome<Vec<_>>>();
        let jobs = jobs.map_err(|fault| fault.of(verb))?;
        self.engine
            .write(verb, News::Yes, move |tx| submit::submit(tx, &jobs))
            .await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("queue a job", News::Yes, move |tx| {
                moves::queue_job(tx, job)
            })
            .await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("dequeue a job", News::Yes, move |tx| {
                moves::dequeue_job(tx, job)
            })
            .await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        let verb = "change a priority";
        self.engine
            .write(verb, News::Yes, move |tx| {
                moves::reprioritise(tx, job, priority)
            })
            .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        self.engine
            .write("cancel a job", News::Yes, move |tx| {
                moves::request_cancel(tx, job)
            })
            .await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("retry a job", News::Yes, move |tx| {
                moves::retry_job(tx, job)
            })
            .await
    }
}
