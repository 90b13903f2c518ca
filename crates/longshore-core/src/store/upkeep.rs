//! What keeps a database in shape: passes that take no input of their own, are idempotent, and
//! return what they did.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::ids::{InstanceId, JobId, QueueId};
use crate::priority::Lane;
use crate::queue::Count;

/// What is kept of jobs that have ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Jobs that ended longer ago than this go, with attempts and output.
    pub keep: Duration,
    /// At most this many jobs in one pass, so that its transaction stays short.
    pub batch: u32,
}

impl Retention {
    /// As good as for ever: what is to be kept for longer is kept for this long. A thousand years, which
    /// every store can take from its clock.
    pub const FOREVER: Duration = Duration::from_hours(24 * 365_243);
}

/// A job that [`Upkeep::age_waiting`] moved up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Aged {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueId,
    /// The lane at whose end it stands now.
    pub lane: Lane,
}

/// What a pass of [`Upkeep::prune`] took away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Pruned {
    /// Jobs.
    pub jobs: u64,
    /// Their attempts.
    pub attempts: u64,
    /// Whether the pass ended at one of its bounds, so that there may be more to take away: a pass
    /// is bounded by what it costs, not by jobs alone, and may have taken none.
    pub more: bool,
}

/// So many numbers of jobs, and of fencing tokens, are left out where a database takes the place of another
/// (a back-up that was restored): the other may have given them out since, and containers that bear them
/// would be taken for those of new jobs. More than a day's of a thousand a second.
pub const NUMBERS_LEFT_OUT: i64 = 100_000_000;

/// What came of giving a database, which is a copy of another, a name of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Renewed {
    /// It has this name, and is at home where it is.
    To(InstanceId),
    /// Nothing was changed: workers remember its name, and containers bear it.
    InUse {
        /// Its leases.
        leases: u64,
        /// Its live workers.
        workers: u64,
    },
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but not as well as it could.
    Warning,
    /// Does not work, or is not to be trusted.
    Problem,
}

/// Something that `doctor` looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at.
    pub subject: String,
    /// What was seen.
    pub seen: String,
    /// What to do; empty when nothing is to be done.
    pub advice: String,
}

/// What keeps a database in shape.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// Moves due jobs of every queue to their lines, at most `limit`. Acquiring does the same for
    /// its own queue. Returns how many.
    async fn stage_due(&self, limit: u32) -> StoreResult<u64>;

    /// Ends waiting jobs whose queue timeout has passed: looks at the `limit` of them that passed
    /// longest ago. Fewer may be ended, for a timeout also passes while its job is live; none are
    /// ended only if none was left to end.
    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>>;

    /// In every queue that ages its waiting jobs (promise L4), moves up those that have waited in their
    /// line for its time: at most `limit` in each queue, those that have waited longest first (of a line
    /// of many priorities as nearly as a bounded look tells; always the one that waits longest of all). Each joins the end of the next higher priority ([`Lane::aged`]) at a new place, so that it
    /// waits for the same time again before it moves up another; among themselves they keep their order.
    /// Of a job only its lane changes: its own priority, as [`super::Reading`] shows it, stays.
    ///
    /// A pass notes the newest place; what stands there or before has waited for the time when the
    /// clock, the database's, says that this note is that old. So a job moves with the first pass
    /// after its time is over, and notes are rarer than passes: it may come up to a sixteenth of the
    /// time later. Jobs at the highest priority stay, as do all jobs of a paused queue, whose wait
    /// counts anew when it goes on.
    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>>;

    /// Takes away what is older than the retention, one bounded batch. Called again until
    /// [`Pruned::more`] is false, it leaves nothing.
    async fn prune(&self, retention: Retention) -> StoreResult<Pruned>;

    /// How many jobs [`Upkeep::prune`] would take away. Reads only.
    async fn prunable(&self, keep: Duration) -> StoreResult<Count>;

    /// Makes ready what the coming days need (partitions), and drops whole what nobody needs. Takes away
    /// the lines of the audit log that are older than [`crate::access::AuditEntry::KEPT`], whatever the
    /// retention of jobs.
    async fn tend_storage(&self, retention: Retention) -> StoreResult<()>;

    /// Every job that is not in exactly one place, and every other breach of the tables' own
    /// rules, as sentences. Empty is well.
    async fn audit(&self) -> StoreResult<Vec<String>>;

    /// What `doctor` sees of this database.
    async fn diagnose(&self) -> StoreResult<Vec<Finding>>;
}
