//! What is asked of jobs that are there already.

use longshore_core::JobId;
use longshore_core::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::JobQuery;

/// `{}`: nothing is to be said, but requests that change something are JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A new priority.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityBody {
    /// 0 to 100, higher first.
    #[schema(minimum = 0, maximum = 100)]
    pub priority: i64,
}

/// What can be asked of many jobs at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    /// End them.
    Cancel,
    /// Give those that failed, timed out or wait for a retry another attempt, now.
    Retry,
    /// Take those that wait out of their line.
    Hold,
    /// Put those on hold back into their line.
    Release,
    /// Give those that wait another priority.
    Priority,
}

impl JobAction {
    /// The states of a job that it can be asked of.
    pub fn possible(self) -> &'static [State] {
        match self {
            Self::Cancel => &[
                State::Pending,
                State::Queued,
                State::Retrying,
                State::Launching,
                State::Running,
            ],
            Self::Retry => &[State::Retrying, State::Failed, State::TimedOut],
            Self::Hold => &[State::Queued, State::Retrying],
            Self::Release => &[State::Pending],
            Self::Priority => &[State::Pending, State::Queued, State::Retrying],
        }
    }
}

/// The same request for every job that fits a filter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// What is asked.
    pub action: JobAction,
    /// The new priority, for `priority` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub priority: Option<i64>,
    /// Of which jobs; `{}` means all. `before` and `limit` bound one request: it looks at one page of
    /// jobs, and `next` of the answer is `before` of the next request.
    pub filter: JobQuery,
    /// Whether to say what would be done, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of a [`BulkRequest`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct BulkAnswer {
    /// The jobs that it was done to, or in a dry run would be, oldest first.
    pub done: Vec<JobId>,
    /// Those that had changed meanwhile, so that there was nothing to do.
    pub moved_on: Vec<JobId>,
    /// Those that it could not be done to.
    pub failed: Vec<BulkFailure>,
    /// Where the next request begins; none when no job is left.
    pub next: Option<JobId>,
}

/// A job that something could not be done to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkFailure {
    /// The job.
    pub job: JobId,
    /// Why.
    pub problem: String,
}
