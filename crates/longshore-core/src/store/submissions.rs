//! What people ask of jobs: submit, queue, hold, reprioritise, cancel, retry.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::ids::JobId;
use crate::priority::Priority;
use crate::spec::{FieldError, ValidSpec};
use crate::state::State;

/// A job to be submitted. Its spec says whether it starts on hold, and names its key.
pub type NewJob = ValidSpec;

/// The most jobs of one call: they are one transaction, which others wait for.
pub const MAX_SUBMITTED: usize = 100_000;

/// Whether a call can be submitted. Every store asks this first.
pub fn check_submission(jobs: &[NewJob]) -> Result<(), FieldError> {
    if jobs.len() <= MAX_SUBMITTED {
        return Ok(());
    }
    let problem = format!(
        "{} are too many for one call, which takes {MAX_SUBMITTED} at most: submit them in parts",
        jobs.len()
    );
    Err(FieldError::new("jobs", problem))
}

/// What became of a submitted job.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Submitted {
    /// The job.
    pub job: JobId,
    /// False when the idempotency key led to a job that was there already.
    pub is_new: bool,
}

/// What became of a cancellation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "state")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum CancelOutcome {
    /// It was waiting, and is cancelled.
    Cancelled,
    /// It runs; its worker has been asked to stop it.
    Requested,
    /// It had ended already, so.
    AlreadyEnded(State),
}

/// What people ask of jobs.
#[async_trait]
pub trait Submissions: Send + Sync + 'static {
    /// Submits jobs: all of them or none. The answers are in the order of the jobs; ids grow in
    /// that order, and so do the places of jobs of one priority in their line. At most
    /// [`MAX_SUBMITTED`].
    ///
    /// A key that was used for the same spec answers with the first job (also within one call);
    /// for another spec the whole call is refused.
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>>;

    /// `pending` → `queued`: to its line, or to its time if that is still to come.
    async fn queue_job(&self, job: JobId) -> StoreResult<()>;

    /// `queued` or `retrying` → `pending`, until a person queues it again. What it has used of
    /// its retries stays used.
    async fn dequeue_job(&self, job: JobId) -> StoreResult<()>;

    /// Changes the priority of a waiting job. It joins the end of its new line.
    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()>;

    /// Cancels a waiting job at once; asks the worker of a live one to stop it.
    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome>;

    /// `failed`, `timed_out` or `retrying` → `queued`, with its retries and its crash budget
    /// whole again.
    async fn retry_job(&self, job: JobId) -> StoreResult<()>;
}
