//! What a recorder notes of each call and of each answer. Times and spans are in microseconds;
//! those of the database are by its own clock, since 1970.

use super::fields::{Body, Fields, record};
use super::line::StoreLineError;
use super::words::{CancelWord, ErrorClass, FenceWord, FinishWord, HeartbeatWord, LeaseWord, Then};
use crate::ids::{AttemptNumber, JobId, QueueId, Token, WorkerId};
use crate::stored::JobState;

record! {
    /// Nothing to tell.
    Nothing {}
    /// One job of a submission.
    NewJob {
        /// Its queue's name.
        queue: String,
        /// Its priority, 0 to 100.
        priority: u8,
        /// When it is due, if it says so.
        due: Option<i64>,
        /// Whether it starts out pending.
        held: bool,
        /// Its idempotency key.
        key: Option<String>,
        /// How many retries its policy allows.
        retries: u32,
        /// The delay before its first retry, before jitter.
        base: u64,
        /// No delay is longer.
        most: u64,
    }
    /// What became of one job of a submission.
    Submitted {
        /// The job.
        job: JobId,
        /// Whether it is a new one, rather than the first of its key.
        new: bool,
    }
    /// What a worker asks for.
    Acquire {
        /// From which queue.
        queue: QueueId,
        /// For whom.
        worker: WorkerId,
        /// At most this many.
        want: u32,
        /// The caller's own limit on the queue's leases.
        limit: Option<u32>,
    }
    /// A job that was acquired.
    Leased {
        /// The job.
        job: JobId,
        /// Its attempt.
        attempt: AttemptNumber,
        /// The fencing token.
        token: Token,
        /// The lane that it came from.
        lane: i16,
        /// When, by the database's clock.
        claimed: i64,
    }
    /// What a worker asks to take over.
    TakeOver {
        /// For whom.
        worker: WorkerId,
        /// At most this many.
        want: u32,
    }
    /// An attempt whose supervision moved.
    TakenOver {
        /// The job.
        job: JobId,
        /// Its attempt, the same as before.
        attempt: AttemptNumber,
        /// Its token from now on.
        token: Token,
        /// The token that it had.
        last: Token,
        /// Who had it; the caller, where it is told of its own once more.
        from: WorkerId,
        /// Its queue.
        queue: QueueId,
    }
    /// The right to supervise an attempt, shown with each write.
    LeaseRef {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: AttemptNumber,
        /// The token.
        token: Token,
    }
    /// What a fence answered.
    Fenced {
        /// What became of it.
        outcome: FenceWord,
    }
    /// How a lease stands.
    Standing {
        /// What the store says.
        status: LeaseWord,
    }
    /// The end of an attempt.
    Finish {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: AttemptNumber,
        /// The token.
        token: Token,
        /// Whether its container was seen running.
        started: bool,
        /// Why it failed, if an error says so.
        class: Option<ErrorClass>,
        /// What is to follow.
        then: Then,
        /// After how long another attempt follows; 0 where none does.
        delay: u64,
    }
    /// What became of a finish.
    Finished {
        /// What the store says.
        outcome: FinishWord,
    }
    /// A job that something is asked of, or that something happened to.
    OneJob {
        /// The job.
        job: JobId,
    }
    /// A job that moved up with age.
    Aged {
        /// The job.
        job: JobId,
        /// Its queue.
        queue: QueueId,
        /// The lane at whose end it stands now.
        lane: i16,
    }
    /// Another priority for a job.
    Reprioritise {
        /// The job.
        job: JobId,
        /// From now on.
        priority: u8,
    }
    /// What became of a cancellation.
    CancelAnswer {
        /// What the store says.
        outcome: CancelWord,
        /// How the job had ended, if it had.
        state: Option<JobState>,
    }
    /// A queue that is made or changed.
    QueueWish {
        /// Its name.
        name: String,
        /// Whether its limit is set; else it stays as it is.
        sets_limit: bool,
        /// The limit that is set; none lifts it.
        limit: Option<u32>,
        /// Whether it is paused; none leaves it.
        paused: Option<bool>,
    }
    /// A queue as the store says it is.
    QueueFact {
        /// Its id.
        queue: QueueId,
        /// Its name.
        name: String,
        /// Its limit.
        limit: Option<u32>,
        /// Whether nothing is acquired from it.
        paused: bool,
    }
    /// A worker that reports for work.
    NewWorker {
        /// What people call it.
        name: String,
        /// After this long without a heartbeat it counts as dead.
        ttl: u64,
    }
    /// A worker.
    OneWorker {
        /// The worker.
        worker: WorkerId,
    }
    /// What a heartbeat answered.
    Beat {
        /// What the worker learns.
        outcome: HeartbeatWord,
    }
    /// How many.
    Many {
        /// The number.
        count: u64,
    }
    /// A look at the store at rest.
    RestWish {
        /// Whether everything that could start has had the time to: then a backlog beside free
        /// room is a breach of liveness.
        quiet: bool,
    }
    /// What the store's counts say at rest. `None` is a count that was capped.
    RestCounts {
        /// Metrics: waiting, due or not.
        queue_depth: Option<u64>,
        /// Metrics: waiting and due.
        ready_now: Option<u64>,
        /// Metrics: due later.
        scheduled_future: Option<u64>,
        /// Metrics: leases without a started container.
        launching: Option<u64>,
        /// Metrics: leases with one.
        running: Option<u64>,
        /// Metrics: failed jobs whose last attempt never started.
        launch_failed: Option<u64>,
        /// Counted as settled so.
        settled_completed: Option<u64>,
        /// Counted as settled so.
        settled_failed: Option<u64>,
        /// Counted as settled so.
        settled_timed_out: Option<u64>,
        /// Counted as settled so.
        settled_cancelled: Option<u64>,
    }
    /// What the store counts of one queue at rest.
    RestQueue {
        /// The queue.
        queue: QueueId,
        /// Waiting, due or not.
        queue_depth: Option<u64>,
        /// Waiting and due.
        ready_now: Option<u64>,
        /// Due later.
        scheduled_future: Option<u64>,
        /// Leases without a started container.
        launching: Option<u64>,
        /// Leases with one.
        running: Option<u64>,
        /// Workers that serve it.
        workers: u32,
        /// Its limit.
        limit: Option<u32>,
        /// Whether it is paused.
        paused: bool,
    }
}

/// All that a look at rest brings: the counts with the queues', and what lists have by state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The counts over all queues.
    pub counts: RestCounts,
    /// How many jobs of each state lists have.
    pub listed: Listed,
    /// Each queue.
    pub queues: Vec<RestQueue>,
}

record! {
    /// How many jobs of each state lists have.
    Listed {
        /// Of this state.
        pending: u64,
        /// Of this state.
        queued: u64,
        /// Of this state.
        retrying: u64,
        /// Of this state.
        launching: u64,
        /// Of this state.
        running: u64,
        /// Of this state.
        completed: u64,
        /// Of this state.
        failed: u64,
        /// Of this state.
        timed_out: u64,
        /// Of this state.
        cancelled: u64,
    }
}

impl Body for Rest {
    fn write(&self, text: &mut String) {
        self.counts.write(text);
        self.listed.write(text);
        self.queues.write(text);
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, StoreLineError> {
        Ok(Self {
            counts: RestCounts::read(fields)?,
            listed: Listed::read(fields)?,
            queues: Vec::read(fields)?,
        })
    }
}
