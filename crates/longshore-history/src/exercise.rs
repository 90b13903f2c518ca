//! What a run was made to exercise.
//!
//! A check that cannot fail is a defect, and so is a run in which nothing could: whoever makes a run
//! says what it must have done, and a run that did not is unknown, never passed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::stored::JobState;

/// What must have happened for a run to prove anything. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a list of independent demands, each named where a test makes it"
)]
pub struct Exercise {
    /// S1: acquisitions of two workers overlapped, and two workers got work.
    pub contention: bool,
    /// S1: somebody took over a live attempt.
    pub take_overs: bool,
    /// S3: a limit was changed between acquisitions.
    pub limit_changes: bool,
    /// S4: the reply to a submission with a key was lost, and it was repeated.
    pub lost_replies: bool,
    /// S5: a write was refused because its lease was another's.
    pub stale_writes: bool,
    /// S6: these arrows were taken.
    pub arrows: BTreeSet<Arrow>,
    /// S7: a job was taken while another certainly waited in its queue.
    pub waiting_lines: bool,
    /// S8: a job with a due time was acquired.
    pub schedules: bool,
    /// S9: an attempt was followed by a retry.
    pub retries: bool,
    /// S10: a worker had live leases when it began to drain.
    pub drains: bool,
    /// S12: the store was looked at while nothing else was asked of it.
    pub rest: bool,
}

/// A move of a job from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Arrow {
    /// From this state.
    pub from: JobState,
    /// To this one.
    pub to: JobState,
}

impl Arrow {
    /// An arrow.
    pub fn new(from: JobState, to: JobState) -> Self {
        Self { from, to }
    }
}

impl std::fmt::Display for Arrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.from, self.to)
    }
}
