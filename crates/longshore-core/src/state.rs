//! The states of a job and the one function that moves it between them (promise S6).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum State {
    /// Not in a queue: submitted on hold, held, or taken out of its queue.
    Pending,
    /// Waiting for its first attempt, or for one that follows a hand-back.
    Queued,
    /// Waiting for another attempt after one that failed.
    Retrying,
    /// Acquired by a worker; its container has not been seen running.
    Launching,
    /// Its container runs.
    Running,
    /// Ended with an exit code that counts as success.
    Completed,
    /// Ended without success, and no retry is left.
    Failed,
    /// Ended by one of its timeouts.
    TimedOut,
    /// Ended because a person asked for it.
    Cancelled,
}

/// What can happen to a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A person (or the submission) puts it into its queue.
    Queue,
    /// A person takes it out of its queue, or holds it.
    Dequeue,
    /// A person gives it another priority: it joins another line, and its state stays.
    Reprioritise,
    /// A worker takes it.
    Acquire,
    /// Its container was seen running.
    Start,
    /// The attempt ended well.
    Complete,
    /// The attempt failed, for good.
    Fail,
    /// The attempt failed and another follows after a delay.
    Retry,
    /// The attempt ended without fault of the job (drained, host lost): back to the line.
    HandBack,
    /// A timeout of the job struck: waiting too long, running too long, silent too long.
    TimeOut,
    /// A person cancels it.
    Cancel,
    /// A person asks for another attempt, now.
    RetryNow,
}

/// An event that this state has no arrow for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a job that is {state} cannot {event}")]
pub struct IllegalTransition {
    /// The state that the job is in.
    pub state: State,
    /// What was asked of it.
    pub event: Event,
}

/// The state that follows `state` on `event`: every arrow that there is (DESIGN section 2, and
/// ADR 0007).
#[expect(
    clippy::match_same_arms,
    reason = "a few lines of events read better than twelve"
)]
pub fn transition(state: State, event: Event) -> Result<State, IllegalTransition> {
    use Event as E;
    use State as S;
    let illegal = Err(IllegalTransition { state, event });
    match state {
        S::Pending => match event {
            E::Queue => Ok(S::Queued),
            E::Reprioritise => Ok(S::Pending),
            E::Cancel => Ok(S::Cancelled),
            E::Dequeue | E::Acquire | E::Start | E::Complete | E::Fail => illegal,
            E::Retry | E::HandBack | E::TimeOut | E::RetryNow => illegal,
        },
        S::Queued => match event {
            E::Acquire => Ok(S::Launching),
            E::Dequeue => Ok(S::Pending),
            E::Reprioritise => Ok(S::Queued),
            E::TimeOut => Ok(S::TimedOut),
            E::Cancel => Ok(S::Cancelled),
            E::Queue | E::Start | E::Complete | E::Fail => illegal,
            E::Retry | E::HandBack | E::RetryNow => illegal,
        },
        S::Retrying => match event {
            E::Acquire => Ok(S::Launching),
            // What it has used of its retries stays used.
            E::Dequeue => Ok(S::Pending),
            E::Reprioritise => Ok(S::Retrying),
            E::RetryNow => Ok(S::Queued),
            E::TimeOut => Ok(S::TimedOut),
            E::Cancel => Ok(S::Cancelled),
            E::Queue | E::Start | E::Complete => illegal,
            E::Fail | E::Retry | E::HandBack => illegal,
        },
        S::Launching => match event {
            E::Start => Ok(S::Running),
            E::Retry => Ok(S::Retrying),
            E::Fail => Ok(S::Failed),
            E::HandBack => Ok(S::Queued),
            E::TimeOut => Ok(S::TimedOut),
            E::Cancel => Ok(S::Cancelled),
            E::Queue | E::Dequeue | E::Reprioritise | E::Acquire => illegal,
            E::Complete | E::RetryNow => illegal,
        },
        S::Running => match event {
            E::Complete => Ok(S::Completed),
            E::Fail => Ok(S::Failed),
            E::TimeOut => Ok(S::TimedOut),
            E::Retry => Ok(S::Retrying),
            E::HandBack => Ok(S::Queued),
            E::Cancel => Ok(S::Cancelled),
            E::Queue | E::Dequeue | E::Reprioritise | E::Acquire => illegal,
            E::Start | E::RetryNow => illegal,
        },
        S::Failed | S::TimedOut => match event {
            E::RetryNow => Ok(S::Queued),
            E::Queue | E::Dequeue | E::Reprioritise | E::Acquire | E::Start => illegal,
            E::Complete | E::Fail | E::Retry | E::HandBack => illegal,
            E::TimeOut | E::Cancel => illegal,
        },
        S::Completed | S::Cancelled => match event {
            E::Queue | E::Dequeue | E::Reprioritise | E::Acquire | E::Start => illegal,
            E::Complete | E::Fail | E::Retry | E::HandBack => illegal,
            E::TimeOut | E::Cancel | E::RetryNow => illegal,
        },
    }
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 9] = [
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

    /// The state's name in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
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

    /// Whether the job has ended: only a person's retry moves it from here.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::TimedOut | Self::Cancelled => true,
            Self::Pending | Self::Queued | Self::Retrying | Self::Launching | Self::Running => {
                false
            }
        }
    }

    /// Whether a worker holds a lease on the job.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Launching | Self::Running)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no state.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no state; the states are {all}", all = State::ALL.map(State::as_str).join(", "))]
pub struct UnknownState(pub String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.to_owned()))
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 12] = [
        Self::Queue,
        Self::Dequeue,
        Self::Reprioritise,
        Self::Acquire,
        Self::Start,
        Self::Complete,
        Self::Fail,
        Self::Retry,
        Self::HandBack,
        Self::TimeOut,
        Self::Cancel,
        Self::RetryNow,
    ];
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "be queued",
            Self::Dequeue => "be taken out of its queue",
            Self::Reprioritise => "be given another priority",
            Self::Acquire => "be acquired",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Retry => "be retried later",
            Self::HandBack => "be handed back",
            Self::TimeOut => "time out",
            Self::Cancel => "be cancelled",
            Self::RetryNow => "be retried",
        })
    }
}

/// A terminal state: what a row in `settled` can say.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalState {
    /// See [`State::Completed`].
    Completed,
    /// See [`State::Failed`].
    Failed,
    /// See [`State::TimedOut`].
    TimedOut,
    /// See [`State::Cancelled`].
    Cancelled,
}

impl From<TerminalState> for State {
    fn from(terminal: TerminalState) -> Self {
        match terminal {
            TerminalState::Completed => Self::Completed,
            TerminalState::Failed => Self::Failed,
            TerminalState::TimedOut => Self::TimedOut,
            TerminalState::Cancelled => Self::Cancelled,
        }
    }
}

impl TerminalState {
    /// The state's name in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        State::from(self).as_str()
    }
}
