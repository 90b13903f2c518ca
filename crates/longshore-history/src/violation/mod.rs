//! What a history can prove broken: the breaches, each tied to one promise and
//! to the place where the history became impossible.
//!
//! The module owns their data and their wording. It must never decide whether
//! one happened; that is `check`'s.

mod kind;
mod words;

use serde::Serialize;

pub use kind::{BreachKind, Counts, Promise};
pub(crate) use words::{counted, limit_words};

use crate::event::Position;
use crate::ids::{JobId, RunId};
use crate::stored::JobState;

/// One broken promise, with its proof's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The promise.
    pub promise: Promise,
    /// Where the history became impossible.
    pub at: Place,
    /// What happened.
    #[serde(flatten)]
    pub breach: Breach,
}

/// Where a history became impossible. A line comes before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At this event: something happened that must not.
    Line(Position),
    /// Only at the end of the history: something is missing.
    End,
}

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
}

/// A run and its START.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LiveRun {
    /// Which attempt of which job.
    #[serde(flatten)]
    pub id: RunId,
    /// Where it started.
    pub started: Position,
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
        }
    }
}
