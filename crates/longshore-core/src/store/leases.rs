//! What workers do with jobs: acquire, launch, run, finish. Every write of an attempt names
//! (job, attempt, token) and changes nothing when the lease is another's (promise S5).

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::attempt::AttemptRecord;
use crate::disposition::{Disposition, Spent};
use crate::executor::Handle;
use crate::host::{Demand, Lack};
use crate::ids::{AttemptNumber, HostId, JobId, QueueId, Token, WorkerId};
use crate::limit::Limit;
use crate::output::{KeptOutput, ResumePoint};
use crate::priority::Lane;
use crate::spec::JobSpec;
use crate::state::IllegalTransition;
use crate::usage::UsageNote;

/// The right to supervise a live attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LeaseKey {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The fencing token.
    pub token: Token,
}

/// What a worker asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AcquireRequest {
    /// From which queue.
    pub queue: QueueId,
    /// At most this many; stores take at most [`AcquireRequest::MAX_WANT`] at once.
    pub want: u32,
    /// For whom.
    pub worker: WorkerId,
    /// The worker's own number for this call, stored with each lease: so that leases whose reply
    /// was lost can be told from those of a call in flight.
    pub acquire_number: i64,
    /// The caller's own limit on the queue's leases, beside the queue's.
    pub max_concurrent: Option<Limit>,
}

impl AcquireRequest {
    /// The most leases of one call, so that the transaction stays short.
    pub const MAX_WANT: u32 = 1000;
}

/// What a worker got.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Acquired {
    /// In the order in which they are to be launched.
    pub leases: Vec<Lease>,
    /// How long until the queue's next job comes due, where the call brought fewer than were wanted;
    /// none if none is put off. A hint: it may be too short, and says nothing of what is put off later.
    pub due_in: Option<Duration>,
}

/// What there is to acquire in some queues, at a glance.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ahead {
    /// Those in which something waits that has its turn, unless a limit is in its way.
    pub waiting: Vec<QueueId>,
    /// How long until the next job of any of them comes due; none if none is put off.
    pub due_in: Option<Duration>,
}

/// A job that was acquired.
#[derive(Clone, PartialEq, Debug)]
pub struct Lease {
    /// The right to supervise it.
    pub key: LeaseKey,
    /// Its queue.
    pub queue: QueueId,
    /// The lane that it came from.
    pub lane: Lane,
    /// What it has used up.
    pub spent: Spent,
    /// When it was acquired.
    pub claimed_at: Timestamp,
    /// What to run; an error text if the stored spec can't be read (it fails alone, and does not
    /// block the others of its batch).
    pub spec: Result<Box<JobSpec>, String>,
}

/// How a lease stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseStatus {
    /// The caller holds it.
    Held,
    /// The caller holds it, and a person asked for its end.
    CancelRequested,
    /// The caller does not hold it any more: stop supervising, touch nothing.
    Lost,
}

/// What became of the fence before a start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FenceOutcome {
    /// The handle is stored: start it.
    Stored,
    /// A person asked for the job's end; the handle is stored.
    CancelRequested,
    /// The lease is another's: remove your container, start nothing.
    Lost,
    /// The host gets no new jobs. Nothing was stored: remove your container, start nothing.
    HostDisabled,
    /// The host has no room for it. Nothing was stored: remove your container, start nothing.
    HostFull(Lack),
}

/// A lease that the store says a worker holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldLease {
    /// The lease.
    pub key: LeaseKey,
    /// The number of the call that acquired it, or took it over.
    pub acquire_number: i64,
    /// Whether it was another worker's before: its container may run, and handing it back is not for
    /// whoever knows nothing of it.
    pub is_taken_over: bool,
}

/// Output to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputAppend {
    /// Whose.
    pub lease: LeaseKey,
    /// Counting from 0 within the token; repeating a number that was stored changes nothing.
    pub seq: i32,
    /// What.
    pub output: KeptOutput,
    /// Where the executor would go on after it.
    pub resume: Option<ResumePoint>,
}

/// The end of an attempt.
#[derive(Clone, PartialEq, Debug)]
pub struct Finish {
    /// Whose.
    pub lease: LeaseKey,
    /// What is recorded of it.
    pub record: AttemptRecord,
    /// Where the job goes.
    pub then: Disposition,
}

/// The most that is kept of what a launch says of itself.
pub const MAX_NOTE_BYTES: usize = 500;

/// What became of a [`Finish`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishOutcome {
    /// Done now.
    Finished,
    /// Done now; but a person had asked for the job's end meanwhile, so it went to no line and is
    /// settled as cancelled.
    Cancelled,
    /// An earlier try of the same finish had succeeded.
    AlreadyFinished,
    /// The lease is another's, or gone: nothing was written.
    LeaseLost,
    /// The job's state has no arrow for it, such as completing without ever having started: nothing
    /// was written, and the lease is held as before.
    Illegal(IllegalTransition),
}

/// What workers do with jobs.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Takes the first jobs of a queue's line, within its limits (PROTOCOL section 3). Nothing
    /// when the queue is paused, full or empty, or when the worker drains, stopped, was fenced or is
    /// unknown: its next heartbeat tells which. Due jobs are staged first.
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired>;

    /// Looks in which of these queues there is something to acquire, in one call for all of them. Changes
    /// nothing and locks nothing: what comes just after is found by the next look. Queues that are paused
    /// or unknown have nothing.
    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead>;

    /// Stores the container's handle and host before it is started: the fence of PROTOCOL
    /// section 4, step 2.
    ///
    /// With the host's row locked it also looks whether the host is enabled and has room for
    /// `demand` beside its other leases, so that no two workers fill it past its capacity. A lease
    /// that is on that host already takes no more room than it has: it is answered by
    /// [`FenceOutcome::Stored`] whatever the host's state. An unknown host is an error.
    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome>;

    /// What a launch says of itself while it takes long; shown as why the job waits until the job
    /// runs. At most [`MAX_NOTE_BYTES`] of it are kept.
    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus>;

    /// The container runs: `launching` → `running`. Says nothing new when repeated.
    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus>;

    /// Stores output; all of it or, per lease, none. The answers are in the order of the appends.
    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>>;

    /// Notes what live attempts use, the whole series of each, in place of what was noted before. Of an attempt
    /// whose lease is another's nothing is noted.
    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()>;

    /// Ends attempts. The answers are in the order of the finishes. Each is judged alone: a lost
    /// lease or an illegal end among them does not hold back the others.
    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>>;

    /// How these leases stand, in their order.
    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>>;

    /// Every lease of a worker, by the store's word.
    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>>;
}
