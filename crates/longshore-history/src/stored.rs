//! What the store says about a job when the history ends.
//!
//! This is testimony, not truth: the checker holds it against the witness. The
//! module must never decide anything about it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::ids::{AttemptNumber, Token, WorkerId};
use crate::store::ErrorClass;

/// A job as the store reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// The state that the store reports.
    pub state: JobState,
    /// The exit code that the store keeps, if it keeps one.
    pub exit_code: Option<i32>,
    /// False only if the store has neither a lease nor a single attempt of this
    /// job on record: then no run of it can be explained. An attempt that was
    /// handed back, lost or never counted makes it true.
    pub ever_acquired: bool,
    /// Its attempts, first to last, the live one included; empty where nobody
    /// looked.
    pub attempts: Vec<StoredAttempt>,
    /// Before when its first attempt was not to be acquired, by the database's
    /// clock, if the job says so.
    pub due_at: Option<Micros>,
    /// Its idempotency key.
    pub key: Option<String>,
}

/// An attempt as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttempt {
    /// Counting from 1.
    pub attempt: AttemptNumber,
    /// Its newest token.
    pub token: Token,
    /// Who supervised it last.
    pub worker: WorkerId,
    /// When it was acquired.
    pub claimed_at: Micros,
    /// When it ended; none while it is live.
    pub ended_at: Option<Micros>,
    /// How it ended, in the store's word.
    pub outcome: Option<String>,
    /// Whether trying again could have helped, if an error said so.
    pub error_class: Option<ErrorClass>,
}

/// A moment by the database's clock, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl StoredJob {
    /// A job that a worker ran and the store calls completed, with exit code 0.
    pub const COMPLETED: Self = Self {
        state: JobState::Completed,
        exit_code: Some(0),
        ever_acquired: true,
        attempts: Vec::new(),
        due_at: None,
        key: None,
    };
}

/// The states of a job, named as in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Not in a queue.
    Pending,
    /// Waiting in a queue.
    Queued,
    /// Waiting for another attempt.
    Retrying,
    /// Acquired, its container not known to run yet.
    Launching,
    /// Its container runs.
    Running,
    /// Ended with success.
    Completed,
    /// Ended with failure.
    Failed,
    /// Ended by a time limit.
    TimedOut,
    /// Ended by a person's wish.
    Cancelled,
}

impl JobState {
    pub(crate) const ALL: [Self; 9] = [
        Self::Pending,
        Self::Queued,
        Self::Retrying,
        Self::Launching,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::TimedOut,
        Self::Cancelled,
    ];

    /// Whether the job has ended.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::TimedOut | Self::Cancelled => true,
            Self::Pending | Self::Queued | Self::Retrying | Self::Launching | Self::Running => {
                false
            }
        }
    }

    /// The state's name, as the store and the interfaces write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Retrying => "retrying",
            Self::Launching => "launching",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The store reported a state that the design doesn't have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a state of a job")]
pub struct UnknownState(pub String);

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| UnknownState(name.to_owned()))
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in JobState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            let json = serde_json::to_value(state).expect("a unit variant serializes");
            assert_eq!(json, state.name());
        }
    }

    #[test]
    fn a_foreign_state_is_refused_by_name() {
        let error = "done".parse::<JobState>().expect_err("not in the design");
        assert_eq!(error.to_string(), "`done` is not a state of a job");
    }
}
