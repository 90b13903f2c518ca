//! The seam to the database: what a store can do, in domain words.
//!
//! [`Store`] is the sum of nine concerns, one file each. A store compares and sets; what to do is
//! decided by the plain functions of this crate. Everything stored or compared uses the
//! database's clock. Each verb is one transaction: it happened whole, or not at all.

mod access;
mod changes;
mod error;
mod leases;
mod noting;
mod reading;
mod recovery;
mod registry;
mod submissions;
pub mod transfer;
mod upkeep;
mod webhooks;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use access::Access;
pub use changes::{
    BadChangeCursor, Change, ChangeCursor, ChangePage, Changes, IdRange, LateRound, merge_ranges,
};
pub use error::{Contention, StoreError};
pub use leases::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, Lease,
    LeaseKey, LeaseStatus, Leases, MAX_NOTE_BYTES, OutputAppend,
};
pub use noting::{Noted, begin_noting, note_all_changes, note_changes};
pub use reading::{
    AttemptView, EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputCursor,
    OutputPage, OutputRequest, Reading, StoredOutput,
};
pub use recovery::{Launched, Recovery, TakeOverRequest, TakenOver};
pub use registry::{Heartbeat, NewWorker, Registry, Worker};
pub use submissions::{
    CancelOutcome, MAX_SUBMITTED, NewJob, Submissions, Submitted, check_submission,
};
pub use upkeep::{Aged, Finding, NUMBERS_LEFT_OUT, Pruned, Renewed, Retention, Severity, Upkeep};
pub use webhooks::{Delivery, DueDelivery, Tried, Webhooks};

use crate::ids::InstanceId;

/// What every store verb returns.
pub type StoreResult<T> = Result<T, StoreError>;

/// A database of jobs.
#[async_trait]
pub trait Store:
    Submissions + Leases + Recovery + Registry + Reading + Changes + Upkeep + Access + Webhooks
{
    /// `sqlite` or `postgres`.
    fn kind(&self) -> &'static str;

    /// The database's random name.
    async fn instance(&self) -> StoreResult<InstanceId>;

    /// The database's clock.
    async fn now(&self) -> StoreResult<Timestamp>;

    /// Hints that something may have changed. Hints only: polling finds everything without them.
    fn wakeups(&self) -> Box<dyn Wakeups>;

    /// Sends what is still to be sent and closes every connection.
    async fn close(&self);
}

/// A listener for hints.
#[async_trait]
pub trait Wakeups: Send {
    /// Waits until something may have changed since the last call, or `at_most` has passed.
    /// True for a hint. Cancellation-safe: a hint that arrives while nobody waits is kept.
    async fn wait(&mut self, at_most: Duration) -> bool;

    /// Whether hints are known to arrive, so that those who look may do so less often: one came round lately.
    /// False where nobody can tell.
    fn come_round(&self) -> bool {
        false
    }
}
