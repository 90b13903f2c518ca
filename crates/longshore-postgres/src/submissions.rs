//! [`Submissions`]: what people ask of jobs. Entering them is in `submit.rs`, moving them in
//! `moves.rs`; here a verb is put together, and hints are sent once it is committed.

use async_trait::async_trait;
use longshore_core::priority::Lane;
use longshore_core::store::{
    CancelOutcome, NewJob, StoreResult, Submissions, Submitted, check_submission,
};
use longshore_core::{JobId, Priority};

use crate::moves::{self, Move};
use crate::{PostgresStore, submit};

#[async_trait]
impl Submissions for PostgresStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        check_submission(jobs)?;
        let batch = submit::Batch::prepare(&self.db, &self.queues, jobs).await?;
        let submitted = batch.enter(&self.db).await?;
        self.notifier.hint(batch.queues()).await;
        Ok(submitted)
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.moved(job, Move::Queue).await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.moved(job, Move::Dequeue).await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        self.moved(job, Move::Reprioritise(Lane::joining(priority)))
            .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        let (outcome, queue) = moves::request_cancel(&self.db, job).await?;
        self.notifier.hint(queue).await;
        Ok(outcome)
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.moved(job, Move::RetryNow).await
    }
}

impl PostgresStore {
    async fn moved(&self, job: JobId, wanted: Move) -> StoreResult<()> {
        let queue = moves::apply(&self.db, job, wanted).await?;
        self.notifier.hint([queue]).await;
        Ok(())
    }
}
