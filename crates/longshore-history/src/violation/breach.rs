//! The breaches, each with all that is needed to see it.

use serde::Serialize;

use super::{BreachKind, LiveRun};
use crate::event::Position;
use crate::ids::{JobId, QueueId, RunId, Token, WorkerId};
use crate::stored::JobState;

/// What happened, with all that is needed to see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Breach {
    /// A job ran that the store never gave to a worker.
    RanUnacquired {
        /// The run.
        run: RunId,
    },
    /// An attempt was started twice, with no END between. An attempt launches
    /// one container, once, so this is one too many even if the witness cannot
    /// show that the first still lived.
    StartedTwice {
        /// The attempt.
        run: RunId,
        /// Its earlier START.
        first: Position,
    },
    /// An attempt started while another of the same job was live.
    AttemptsOverlap {
        /// The attempt that started.
        run: RunId,
        /// The one that was live.
        live: LiveRun,
    },
    /// More jobs were live at one instant than a limit allows.
    LimitExceeded {
        /// The limit's name.
        limit: String,
        /// What it allows.
        max: u32,
        /// The runs live at that instant, by their START; the last is the one
        /// that started there.
        live: Vec<LiveRun>,
    },
    /// The witness names a job that nobody submitted.
    UnknownJob {
        /// What it calls itself.
        run: RunId,
    },
    /// An attempt was started again after it had ended.
    RestartedAfterEnd {
        /// The attempt.
        run: RunId,
        /// Its earlier END.
        ended: Position,
    },
    /// A job began more runs than expected.
    RanTooOften {
        /// The job.
        job: JobId,
        /// How many runs it had begun by then.
        runs: u32,
        /// How many were expected at most.
        at_most: u32,
    },
    /// An attempt ended that had never started.
    EndWithoutStart {
        /// The attempt.
        run: RunId,
    },
    /// An attempt ended twice, with no START between.
    EndedTwice {
        /// The attempt.
        run: RunId,
        /// Its earlier END.
        first: Position,
    },
    /// The store was asked, and does not know an acknowledged job.
    MissingFromStore {
        /// The job.
        job: JobId,
    },
    /// The store says completed, and the witness never saw the job start.
    CompletedUnseen {
        /// The job.
        job: JobId,
        /// The exit code that the store keeps.
        exit_code: Option<i32>,
    },
    /// A job that should have run never started.
    NeverStarted {
        /// The job.
        job: JobId,
        /// How the store says it ended, if it was asked.
        state: Option<JobState>,
    },
    /// A job ran, but not as often as expected.
    RanTooSeldom {
        /// The job.
        job: JobId,
        /// How many runs it began.
        runs: u32,
        /// How many were expected at least.
        at_least: u32,
    },
    /// The store says completed, and the job's last run never wrote its END.
    EndLost {
        /// The job's last run.
        run: LiveRun,
        /// The exit code that the store keeps.
        exit_code: Option<i32>,
    },
    /// A job that should have completed ended otherwise. It may have failed by
    /// itself; whoever expects that says so.
    NotCompleted {
        /// The job.
        job: JobId,
        /// How the store says it ended.
        state: JobState,
        /// The exit code that the store keeps.
        exit_code: Option<i32>,
    },
    /// The store gave one attempt twice: by two acquisitions, or by two take-overs of one token.
    AcquiredTwice {
        /// The attempt.
        run: RunId,
        /// The workers that got it.
        workers: [WorkerId; 2],
        /// The earlier answer.
        first: Position,
    },
    /// A later acquisition or take-over of a job has no larger token.
    TokenNotRising {
        /// The later attempt.
        run: RunId,
        /// Its token.
        token: Token,
        /// An earlier one of the job.
        before: Token,
    },
    /// A worker was told that it lives after its lease had gone to another.
    TakenFromTheLiving {
        /// The attempt.
        run: RunId,
        /// Who lives.
        worker: WorkerId,
        /// Who took it over.
        by: WorkerId,
        /// Where that was answered.
        taken: Position,
    },
    /// A queue certainly had more leases at one instant than its limit, or the caller's, ever
    /// allowed meanwhile.
    AcquiredBeyondLimit {
        /// The queue.
        queue: QueueId,
        /// The largest limit that may have been in force.
        limit: u32,
        /// The leases that were certainly live.
        live: Vec<RunId>,
    },
    /// One idempotency key led to two jobs.
    TwoJobsOneKey {
        /// The key.
        key: String,
        /// The jobs.
        jobs: [JobId; 2],
    },
    /// A job ended twice, and no person can have asked for a retry between.
    SettledTwice {
        /// The job.
        job: JobId,
        /// Its earlier end.
        first: Position,
    },
    /// A write was accepted under a token, though a newer one was out before it was sent.
    StaleWrite {
        /// The attempt.
        run: RunId,
        /// The write.
        verb: &'static str,
        /// Its token.
        token: Token,
        /// The newer token.
        newer: Token,
    },
    /// A write was accepted under a lease that had ended before it was sent.
    WriteAfterEnd {
        /// The attempt.
        run: RunId,
        /// The write.
        verb: &'static str,
        /// Where the lease had ended.
        ended: Position,
    },
    /// A verb succeeded for which the job's state had no arrow, in whatever order the open
    /// calls took effect.
    IllegalMove {
        /// The job.
        job: JobId,
        /// The verb.
        verb: &'static str,
        /// Its CALL.
        called: Position,
        /// Where the job can have stood.
        possible: Vec<JobState>,
    },
    /// The store calls a job something that no order of its calls leads to.
    StateUnexplained {
        /// The job.
        job: JobId,
        /// What the store says.
        state: JobState,
        /// Where it can stand.
        possible: Vec<JobState>,
    },
    /// A job was taken while another certainly waited ahead of it.
    Overtaken {
        /// The queue.
        queue: QueueId,
        /// The one that was taken.
        taken: JobId,
        /// The one that was passed over.
        waiting: JobId,
        /// Since when that one certainly waited.
        since: Position,
    },
    /// A job was acquired before it was due, by the database's clock.
    StartedEarly {
        /// The attempt.
        run: RunId,
        /// How much too early.
        early_micros: i64,
    },
    /// A job was retried more often than its policy allows.
    RetriedTooOften {
        /// The job.
        job: JobId,
        /// The retries so far.
        retries: u32,
        /// How many its policy allows.
        allowed: u32,
    },
    /// A permanent error was retried.
    RetriedPermanent {
        /// The attempt that failed so.
        run: RunId,
    },
    /// A retry is due sooner or later than its policy says.
    DelayOutOfBounds {
        /// The attempt that failed.
        run: RunId,
        /// The delay.
        delay_micros: u64,
        /// The shortest that the policy allows.
        least_micros: u64,
        /// The longest.
        most_micros: u64,
    },
    /// A job was lost to hosts or workers more often than the crash budget allows.
    LostTooOften {
        /// The job.
        job: JobId,
        /// The losses so far.
        losses: u32,
        /// The budget.
        allowed: u32,
    },
    /// A worker got a job after its drain had begun.
    AcquiredWhileDraining {
        /// The worker.
        worker: WorkerId,
        /// The first attempt that it got.
        run: RunId,
        /// Where its drain was answered.
        drained: Position,
    },
    /// A worker said goodbye while it had a lease that had neither ended nor a handle.
    LeftBehind {
        /// The worker.
        worker: WorkerId,
        /// The attempt.
        run: RunId,
        /// Where it was acquired.
        acquired: Position,
    },
    /// A draining worker still ended an attempt, but had sent no heartbeat within its time.
    HeartbeatStopped {
        /// The worker.
        worker: WorkerId,
        /// The attempt.
        run: RunId,
        /// Since its last heartbeat.
        gap_millis: u64,
        /// Its time.
        ttl_millis: u64,
    },
    /// Two counts at rest that should be one differ.
    CountsDisagree {
        /// What was counted.
        what: String,
        /// What each says.
        figures: [u64; 2],
    },
    /// Jobs were ready, with room and workers, and none ran.
    NothingStarted {
        /// The queue.
        queue: QueueId,
        /// The jobs that were ready.
        ready: u64,
    },
    /// More calls failed by the system's fault than the run allows.
    TooManyFailures {
        /// How many failed.
        failures: u64,
        /// How many may.
        allowed: u64,
    },
    /// Jobs were ready, and fewer ran than the limit allows.
    RoomLeft {
        /// The queue.
        queue: QueueId,
        /// The jobs that were ready.
        ready: u64,
        /// The leases that there were.
        live: u64,
        /// The limit.
        limit: Option<u32>,
    },
}

impl Breach {
    /// Its kind.
    pub fn kind(&self) -> BreachKind {
        match self {
            Self::RanUnacquired { .. } => BreachKind::RanUnacquired,
            Self::StartedTwice { .. } => BreachKind::StartedTwice,
            Self::AttemptsOverlap { .. } => BreachKind::AttemptsOverlap,
            Self::LimitExceeded { .. } => BreachKind::LimitExceeded,
            Self::UnknownJob { .. } => BreachKind::UnknownJob,
            Self::RestartedAfterEnd { .. } => BreachKind::RestartedAfterEnd,
            Self::RanTooOften { .. } => BreachKind::RanTooOften,
            Self::EndWithoutStart { .. } => BreachKind::EndWithoutStart,
            Self::EndedTwice { .. } => BreachKind::EndedTwice,
            Self::MissingFromStore { .. } => BreachKind::MissingFromStore,
            Self::CompletedUnseen { .. } => BreachKind::CompletedUnseen,
            Self::NeverStarted { .. } => BreachKind::NeverStarted,
            Self::RanTooSeldom { .. } => BreachKind::RanTooSeldom,
            Self::EndLost { .. } => BreachKind::EndLost,
            Self::NotCompleted { .. } => BreachKind::NotCompleted,
            Self::AcquiredTwice { .. } => BreachKind::AcquiredTwice,
            Self::TokenNotRising { .. } => BreachKind::TokenNotRising,
            Self::TakenFromTheLiving { .. } => BreachKind::TakenFromTheLiving,
            Self::AcquiredBeyondLimit { .. } => BreachKind::AcquiredBeyondLimit,
            Self::TwoJobsOneKey { .. } => BreachKind::TwoJobsOneKey,
            Self::SettledTwice { .. } => BreachKind::SettledTwice,
            Self::StaleWrite { .. } => BreachKind::StaleWrite,
            Self::WriteAfterEnd { .. } => BreachKind::WriteAfterEnd,
            Self::IllegalMove { .. } => BreachKind::IllegalMove,
            Self::StateUnexplained { .. } => BreachKind::StateUnexplained,
            Self::Overtaken { .. } => BreachKind::Overtaken,
            Self::StartedEarly { .. } => BreachKind::StartedEarly,
            Self::RetriedTooOften { .. } => BreachKind::RetriedTooOften,
            Self::RetriedPermanent { .. } => BreachKind::RetriedPermanent,
            Self::DelayOutOfBounds { .. } => BreachKind::DelayOutOfBounds,
            Self::LostTooOften { .. } => BreachKind::LostTooOften,
            Self::AcquiredWhileDraining { .. } => BreachKind::AcquiredWhileDraining,
            Self::LeftBehind { .. } => BreachKind::LeftBehind,
            Self::HeartbeatStopped { .. } => BreachKind::HeartbeatStopped,
            Self::CountsDisagree { .. } => BreachKind::CountsDisagree,
            Self::NothingStarted { .. } => BreachKind::NothingStarted,
            Self::TooManyFailures { .. } => BreachKind::TooManyFailures,
            Self::RoomLeft { .. } => BreachKind::RoomLeft,
        }
    }
}
