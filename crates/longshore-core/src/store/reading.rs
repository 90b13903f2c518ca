//! What people look at: lists, one job, its output, counts.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::attempt::AttemptRecord;
use crate::ids::{AttemptNumber, HostId, JobId, Token, WorkerId};
use crate::output::Stream;
use crate::priority::Priority;
use crate::queue::{QueueStats, WorkerMetrics};
use crate::spec::JobSpec;
use crate::state::State;
use crate::usage::AttemptUsage;
use crate::waiting::WhyWaiting;

/// Which jobs to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobFilter {
    /// Any of these states; empty means all.
    pub states: Vec<State>,
    /// In this queue.
    pub queue: Option<String>,
    /// With all of these labels.
    pub labels: BTreeMap<String, String>,
    /// With this in its name. Texts are compared letter by letter, upper and lower case apart.
    pub name: Option<String>,
    /// Of this image; one without tag and digest stands for all of its tags and digests.
    pub image: Option<String>,
    /// With this in its name, in its image or in a word of its command.
    pub search: Option<String>,
    /// Whose last exit code, as lists show it, is this.
    pub exit_code: Option<i32>,
    /// Submitted then or later.
    pub since: Option<Timestamp>,
    /// Submitted before then.
    pub until: Option<Timestamp>,
    /// Older than this job: the cursor of the page before.
    pub before: Option<JobId>,
    /// At most this many, up to [`JobFilter::MAX_PAGE`]; 0 counts as 1, so that whoever pages gets
    /// on.
    pub limit: u32,
}

impl JobFilter {
    /// The largest page.
    pub const MAX_PAGE: u32 = 1000;

    /// Whether it asks for what no index knows, so that jobs must be looked at one by one.
    pub fn looks_inside(&self) -> bool {
        let texts = [&self.name, &self.image, &self.search];
        texts.iter().any(|text| text.is_some())
            || self.exit_code.is_some()
            || self.since.is_some()
            || self.until.is_some()
    }
}

/// A page of jobs, newest first. It may have fewer than were asked for though others follow: a store
/// need not look at all of its jobs in one go.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// Where the next page begins; none at the end.
    pub next: Option<JobId>,
}

/// A job in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobSummary {
    /// Its id.
    pub id: JobId,
    /// Where it stands.
    pub state: State,
    /// Its queue's name.
    pub queue: String,
    /// Its own priority: what was asked for last. A job that has aged stands in a higher line.
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::priority))]
    pub priority: Priority,
    /// Its name.
    pub name: Option<String>,
    /// Its image.
    pub image: Option<String>,
    /// Its command.
    pub command: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Attempts so far, the live one included.
    pub attempts: i32,
    /// Its last exit code, as shells say it (128 + the signal).
    pub exit_code: Option<i32>,
    /// When it was submitted.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it is due, if that is still to come.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub due_at: Option<Timestamp>,
    /// When its live or last attempt started.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub ended_at: Option<Timestamp>,
}

/// Everything about one job.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobDetail {
    /// As in a list.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// What was asked for.
    pub spec: JobSpec,
    /// Its attempts, first to last, the live one included.
    pub attempts_made: Vec<AttemptView>,
    /// Why it waits, if it does.
    pub why_waiting: Option<WhyWaiting>,
    /// Whether a person asked for its end.
    pub cancel_requested: bool,
}

/// One attempt.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AttemptView {
    /// Counting from 1.
    pub attempt: AttemptNumber,
    /// Its newest token.
    pub token: Token,
    /// Who supervised it last.
    pub worker: WorkerId,
    /// Where it ran.
    pub host: Option<HostId>,
    /// The container.
    pub handle: Option<String>,
    /// When it was acquired.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub claimed_at: Timestamp,
    /// When its container was seen running.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub started_at: Option<Timestamp>,
    /// When it ended; none while it is live.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub ended_at: Option<Timestamp>,
    /// What was recorded at its end; none while it is live.
    pub record: Option<AttemptRecord>,
}

/// A place in the stored output of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OutputCursor {
    /// The token under which it was stored.
    pub token: Token,
    /// Its number within the token.
    pub seq: i32,
}

/// Which output to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputRequest {
    /// Whose.
    pub job: JobId,
    /// Of which attempt; none means the newest that there is. One that the job never had is an
    /// error.
    pub attempt: Option<AttemptNumber>,
    /// After this place; none means from the beginning.
    pub after: Option<OutputCursor>,
    /// About this many bytes at most: pages end with the chunk that reaches it.
    pub max_bytes: u32,
}

/// Some stored output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredOutput {
    /// Its place.
    pub cursor: OutputCursor,
    /// Which output.
    pub stream: Stream,
    /// The offset of its first byte in everything that the stream carried; a jump means that the
    /// cap left something out.
    pub position: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// When it was stored.
    pub at: Timestamp,
}

/// A page of output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutputPage {
    /// Of which attempt; none if none was asked for and the job never had one.
    pub attempt: Option<AttemptNumber>,
    /// The chunks, in order.
    pub chunks: Vec<StoredOutput>,
    /// Whether the attempt had ended, and nothing follows these chunks.
    pub is_end: bool,
    /// Where the job stands.
    pub state: State,
}

/// How many jobs ended in one minute.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct EndedInMinute {
    /// When it begins, by the database's clock.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub minute: Timestamp,
    /// By how they ended; the states in which none did are left out.
    pub ended: BTreeMap<State, u64>,
}

impl EndedInMinute {
    /// The most minutes that can be asked for: a day of them.
    pub const MOST: u32 = 24 * 60;
}

/// What people look at. No verb here locks anything.
#[async_trait]
pub trait Reading: Send + Sync + 'static {
    /// A page of jobs.
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage>;

    /// Everything about one job.
    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail>;

    /// Where these jobs stand, in their order; an unknown one is an error.
    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>>;

    /// The newest job, if there is any.
    async fn newest_job(&self) -> StoreResult<Option<JobId>>;

    /// A page of an attempt's output.
    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage>;

    /// Every queue with its counts.
    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>>;

    /// Counts over all queues.
    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics>;

    /// Ended jobs by terminal state (completed, failed, `timed_out`, cancelled), each capped.
    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, crate::queue::Count>>;

    /// How many jobs ended in each of the last minutes, the current one included: as many as are asked
    /// for (at least 1, at most [`EndedInMinute::MOST`]), oldest first. Jobs that a person has retried
    /// since, and those that are kept no longer, do not count. Costs a look at each job that ended then.
    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>>;

    /// Jobs that wait for a time that is still to come, also for their next retry, the one that is due
    /// next first: at most this many, up to [`JobFilter::MAX_PAGE`]; 0 counts as 1.
    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>>;

    /// What each attempt of a job used over time, by attempt; attempts of less than some seconds have nothing.
    /// An unknown job has none.
    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>>;
}
