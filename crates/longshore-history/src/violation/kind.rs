//! The kinds of breach, the promise behind each, and how many there were.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The kinds of [`Breach`](super::Breach), ordered by promise. Of several at one place the
/// first in this order is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described at the breach of its name")]
pub enum BreachKind {
    RanUnacquired,
    AcquiredTwice,
    TokenNotRising,
    TakenFromTheLiving,
    StartedTwice,
    AttemptsOverlap,
    LimitExceeded,
    AcquiredBeyondLimit,
    UnknownJob,
    RestartedAfterEnd,
    RanTooOften,
    EndWithoutStart,
    EndedTwice,
    MissingFromStore,
    CompletedUnseen,
    NeverStarted,
    RanTooSeldom,
    EndLost,
    NotCompleted,
    TwoJobsOneKey,
    SettledTwice,
    StaleWrite,
    WriteAfterEnd,
    IllegalMove,
    StateUnexplained,
    Overtaken,
    StartedEarly,
    RetriedTooOften,
    RetriedPermanent,
    DelayOutOfBounds,
    LostTooOften,
    AcquiredWhileDraining,
    LeftBehind,
    HeartbeatStopped,
    CountsDisagree,
    NothingStarted,
    TooManyFailures,
    RoomLeft,
}

impl BreachKind {
    /// The promise that a breach of this kind breaks.
    pub fn promise(self) -> Promise {
        match self {
            Self::RanUnacquired
            | Self::AcquiredTwice
            | Self::TokenNotRising
            | Self::TakenFromTheLiving => Promise::S1,
            Self::StartedTwice | Self::AttemptsOverlap => Promise::S2,
            Self::LimitExceeded | Self::AcquiredBeyondLimit => Promise::S3,
            Self::UnknownJob
            | Self::RestartedAfterEnd
            | Self::RanTooOften
            | Self::EndWithoutStart
            | Self::EndedTwice
            | Self::MissingFromStore
            | Self::CompletedUnseen
            | Self::NeverStarted
            | Self::RanTooSeldom
            | Self::EndLost
            | Self::NotCompleted
            | Self::TwoJobsOneKey
            | Self::SettledTwice => Promise::S4,
            Self::StaleWrite | Self::WriteAfterEnd => Promise::S5,
            Self::IllegalMove | Self::StateUnexplained => Promise::S6,
            Self::Overtaken => Promise::S7,
            Self::StartedEarly => Promise::S8,
            Self::RetriedTooOften
            | Self::RetriedPermanent
            | Self::DelayOutOfBounds
            | Self::LostTooOften => Promise::S9,
            Self::AcquiredWhileDraining | Self::LeftBehind | Self::HeartbeatStopped => Promise::S10,
            Self::CountsDisagree => Promise::S12,
            Self::NothingStarted | Self::TooManyFailures => Promise::L1,
            Self::RoomLeft => Promise::L3,
        }
    }
}

/// The promises of the design that this crate judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Promise {
    /// An attempt is acquired by exactly one worker.
    S1,
    /// At most one live container per job, across attempts.
    S2,
    /// The number of live containers never exceeds a limit.
    S3,
    /// An acknowledged job is never lost and ends exactly once.
    S4,
    /// A worker that lost its lease changes nothing.
    S5,
    /// The state machine moves only along its arrows.
    S6,
    /// Within a queue higher priority first; within a priority, first queued.
    S7,
    /// A scheduled job never starts early.
    S8,
    /// Attempts are bounded and backed off.
    S9,
    /// A drain acquires nothing, and leaves nothing behind.
    S10,
    /// At rest, metrics equal the truth.
    S12,
    /// An eligible job starts soon.
    L1,
    /// With a backlog, running returns to the limit.
    L3,
}

/// How many breaches of each kind a history has, not only the earliest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<BreachKind, u64>);

impl Counts {
    /// The breaches of one kind.
    pub fn of(&self, kind: BreachKind) -> u64 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// The breaches of all kinds.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub(crate) fn add(&mut self, kind: BreachKind) {
        *self.0.entry(kind).or_insert(0) += 1;
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::S4 => "S4",
            Self::S5 => "S5",
            Self::S6 => "S6",
            Self::S7 => "S7",
            Self::S8 => "S8",
            Self::S9 => "S9",
            Self::S10 => "S10",
            Self::S12 => "S12",
            Self::L1 => "L1",
            Self::L3 => "L3",
        })
    }
}
