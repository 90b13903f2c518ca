//! What should have happened: the jobs that were acknowledged, how often each
//! may run and how it must end, which limits hold them, and what the store says
//! became of them.
//!
//! The module only holds facts that the caller gathered. It must never be
//! filled in from the witness: an expectation learned from the history would
//! pass any history.

use std::collections::{BTreeMap, BTreeSet};

use crate::exercise::Exercise;
use crate::ids::{JobId, QueueId};
use crate::stored::StoredJob;

/// Everything that a history is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// Every job whose submission was acknowledged, with what should become of it.
    pub jobs: BTreeMap<JobId, ExpectedJob>,
    /// The limits that held during the whole history.
    pub limits: Vec<Limit>,
    /// What the store says of each job, or `None` if the store was not asked.
    /// An acknowledged job that is absent from the answer is a lost job; a job
    /// in the answer that is not in [`jobs`](Self::jobs) is not judged.
    pub stored: Option<BTreeMap<JobId, StoredJob>>,
    /// What the run was made to exercise. What it then never did was not
    /// tested, and the verdict is unknown.
    pub must: Exercise,
    /// Whether the store was empty when the recording began, and everything that
    /// changed it is recorded: then its counts are known from both sides.
    pub whole: bool,
    /// How many calls may fail by the system's fault (contended, unavailable,
    /// other); none for no bound.
    pub failures_at_most: Option<u64>,
}

impl Expectation {
    /// Expects each of `jobs` to run exactly once and to complete, under no
    /// limit, with the store not asked.
    pub fn each_once(jobs: impl IntoIterator<Item = JobId>) -> Self {
        Self {
            jobs: jobs
                .into_iter()
                .map(|job| (job, ExpectedJob::ONCE))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds `job`, or changes how often it may run and how it must end.
    #[must_use]
    pub fn with_job(mut self, job: JobId, runs: ExpectedRuns, end: ExpectedEnd) -> Self {
        self.jobs.insert(job, ExpectedJob { runs, end });
        self
    }

    /// Adds a limit.
    #[must_use]
    pub fn with_limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Adds what the store says; from the first call on, the store counts as
    /// asked.
    #[must_use]
    pub fn with_stored(mut self, stored: impl IntoIterator<Item = (JobId, StoredJob)>) -> Self {
        self.stored.get_or_insert_with(BTreeMap::new).extend(stored);
        self
    }

    /// Says what the run was made to exercise.
    #[must_use]
    pub fn exercising(mut self, must: Exercise) -> Self {
        self.must = must;
        self
    }

    /// Says that the recording began with an empty store, and misses nothing.
    #[must_use]
    pub fn of_whole_store(mut self) -> Self {
        self.whole = true;
        self
    }

    pub(crate) fn stored_job(&self, job: JobId) -> Option<&StoredJob> {
        self.stored.as_ref()?.get(&job)
    }
}

/// What should become of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedJob {
    /// How often it may run.
    pub runs: ExpectedRuns,
    /// How it must end.
    pub end: ExpectedEnd,
}

impl ExpectedJob {
    /// The usual case: it runs once, and completes.
    pub const ONCE: Self = Self {
        runs: ExpectedRuns::ONCE,
        end: ExpectedEnd::Completed,
    };
}

/// How a job must end. Only the store knows: where it was not asked, an END in
/// the witness is all that shows of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedEnd {
    /// With success: nothing made it fail, and nobody killed or cancelled it.
    Completed,
    /// In any way: it fails by itself, or may be killed for its time or
    /// cancelled.
    Any,
}

/// How often a job may run: a run is one START in the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedRuns {
    /// The fewest runs; 0 where the job may end without running.
    pub at_least: u32,
    /// The most runs: one for each attempt that faults or retries allow.
    pub at_most: u32,
}

impl ExpectedRuns {
    /// The usual case: no fault, no retry.
    pub const ONCE: Self = Self::exactly(1);

    /// Neither fewer nor more than `runs`; 0 for a job that must not run.
    pub const fn exactly(runs: u32) -> Self {
        Self {
            at_least: runs,
            at_most: runs,
        }
    }
}

/// A limit and the jobs that it holds, for instance those of one queue.
///
/// Without a queue it is taken to be constant during the history. If it was
/// lowered meanwhile, give the highest value that held: lowering kills nothing.
/// With one, the store's events say how it changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// Its name in a verdict; an empty one is left out there.
    pub name: String,
    /// How many of its jobs may be live at one instant.
    pub max: u32,
    /// The jobs that it holds. A job may be in several limits.
    pub jobs: BTreeSet<JobId>,
    /// Whether the run was made to reach the limit. If it then never does, the
    /// limit was not tested, and the verdict is unknown.
    pub must_reach: bool,
    /// The queue whose limit it is. [`max`](Self::max) is then what it was at the
    /// beginning.
    pub queue: Option<QueueId>,
}
