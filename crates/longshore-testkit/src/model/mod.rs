//! A store in memory, as simple as can be: what the real ones are compared with.
//!
//! [`Model`] answers the verbs of [`longshore_core::store::Store`] in the same words and types. It
//! owns what a store promises and nothing of how one keeps it: no lock, no transaction, no index.
//! It must never read a clock, draw by chance or do I/O, so that one list of calls has one list of
//! answers.
//!
//! No time passes in it. A moment is one of three: gone by (whoever asks waits until it has, see
//! [`Model::comes_due`]), in an hour (which never comes), or never (on hold). Every time in an answer
//! is [`MOMENT`]: that there is one is what counts.
//!
//! Ids are its own, counted from 1; a real store's are mapped to them by whoever compares.

mod finishing;
mod job;
mod launching;
mod leases;
mod output;
mod reading;
mod recovery;
mod registry;
mod showing;
mod submissions;
mod upkeep;

use std::collections::BTreeMap;

use longshore_core::host::Host;
use longshore_core::ids::{HostId, JobId, QueueId, Token, WorkerId};
use longshore_core::queue::Queue;
use longshore_core::state::{Event, State};
use longshore_core::store::{LeaseKey, StoreError, Worker};
use longshore_core::{AttemptNumber, Timestamp};

use job::Job;

/// Every time that the model speaks of.
pub const MOMENT: Timestamp = Timestamp::UNIX_EPOCH;

/// Why a verb was refused, as far as a caller can tell one refusal from another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No such job.
    UnknownJob(JobId),
    /// No such queue. Each store says in words of its own which.
    UnknownQueue,
    /// A queue of this name is there.
    QueueExists,
    /// The key has another spec; the job is none if it was of the same, refused call.
    KeyReused(String, Option<JobId>),
    /// The state has no arrow for it.
    Illegal(JobId, State, Event),
    /// A value of this field is refused.
    Invalid(String),
    /// What no call of ours should meet.
    Fault(String),
}

impl Refusal {
    /// A real store's refusal, with its jobs named as the model names them.
    pub fn of(error: &StoreError, job_of: impl Fn(JobId) -> Option<JobId>) -> Self {
        let known = |job| job_of(job).unwrap_or(NOBODY);
        match error {
            StoreError::UnknownJob(job) => Self::UnknownJob(known(*job)),
            StoreError::UnknownQueue { .. } => Self::UnknownQueue,
            StoreError::QueueExists(_) => Self::QueueExists,
            StoreError::IdempotencyKeyReused { key, job } => {
                Self::KeyReused(key.clone(), job_of(*job))
            }
            StoreError::Illegal { job, illegal } => {
                Self::Illegal(known(*job), illegal.state, illegal.event)
            }
            StoreError::Invalid(fault) => Self::Invalid(fault.field.clone()),
            other => Self::Fault(format!("{other:?}")),
        }
    }
}

/// The job that there never is.
pub const NOBODY: JobId = JobId(0);

/// What a verb answers.
pub type Answer<T> = Result<T, Refusal>;

/// A worker, with what a list of workers does not say.
#[derive(Clone, Debug)]
struct Crew {
    shown: Worker,
    serves: Vec<QueueId>,
}

/// The store in memory.
#[derive(Clone, Debug, Default)]
pub struct Model {
    queues: BTreeMap<QueueId, Queue>,
    workers: BTreeMap<WorkerId, Crew>,
    hosts: BTreeMap<HostId, Host>,
    jobs: BTreeMap<JobId, Job>,
    /// Every lease that was ever given, oldest first.
    given: Vec<LeaseKey>,
    /// Of each queue that ages its jobs, the newest place by its last pass of ageing.
    marks: BTreeMap<QueueId, u64>,
    last_job: i64,
    /// The last place at the end of a line.
    last_place: u64,
    /// Calls that put something off: what an earlier one put off is due before what a later one did.
    put_offs: u64,
    comes_due: bool,
}

impl Model {
    /// Whether the last call left something that comes due, or has waited too long, within
    /// [`Model::SOON`]: the caller waits for that before it calls again, because nobody could say
    /// whether the next call comes before it or after it.
    pub fn comes_due(&mut self) -> bool {
        std::mem::take(&mut self.comes_due)
    }

    /// The longest delay that counts as a moment rather than an hour.
    pub const SOON: std::time::Duration = std::time::Duration::from_millis(1);

    /// Every job, oldest first, and where it stands.
    pub fn jobs(&self) -> impl Iterator<Item = (JobId, State)> + '_ {
        self.jobs.iter().map(|(id, job)| (*id, job.state()))
    }

    /// Every lease that is held, oldest first.
    pub fn live_leases(&self) -> Vec<LeaseKey> {
        self.given
            .iter()
            .copied()
            .filter(|lease| self.holds(*lease))
            .collect()
    }

    /// Every lease that was given and is over, oldest first.
    pub fn past_leases(&self) -> Vec<LeaseKey> {
        self.given
            .iter()
            .copied()
            .filter(|lease| !self.holds(*lease))
            .collect()
    }

    fn holds(&self, lease: LeaseKey) -> bool {
        self.jobs.get(&lease.job).and_then(Job::lease) == Some(lease)
    }

    fn job(&self, id: JobId) -> Answer<&Job> {
        self.jobs.get(&id).ok_or(Refusal::UnknownJob(id))
    }

    fn end_of_line(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
    }

    /// A lease that nobody ever held.
    pub fn no_lease(job: JobId) -> LeaseKey {
        LeaseKey {
            job,
            attempt: AttemptNumber(1),
            token: Token(0),
        }
    }
}
