//! A store in memory: a job's place is its state, and every write is guarded by its token, as in
//! the real ones. Time is the runtime's, so that a paused clock moves it.

mod access;
mod changes;
mod leases;
mod reading;
mod recovery;
mod registry;
mod rows;
mod upkeep;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard};

use longshore_core::attempt::AttemptRecord;
use longshore_core::disposition::Spent;
use longshore_core::host::{Capacity, Host, HostFacts};
use longshore_core::spec::Timeout;
use longshore_core::state::TerminalState;
use longshore_core::store::{OutputAppend, Store, StoreError, StoreResult};
use longshore_core::usage::UsageSeries;
use longshore_core::{JobId, JobSpec, QueueId, Token, WorkerId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Journal;
use super::faults::Fault;
use rows::queue;
pub use rows::{Inner, Job, LeaseRow, Place, WorkerRow};

/// A store in memory.
pub struct MemoryStore {
    inner: Mutex<Inner>,
    pub hints: watch::Sender<u64>,
    pub journal: Journal,
}

impl MemoryStore {
    pub fn new(journal: Journal) -> Self {
        Self {
            inner: Mutex::new(Inner::new()),
            hints: watch::Sender::new(0),
            journal,
        }
    }

    /// What was noted of a job's newest attempt; nothing if nothing was.
    pub fn usage(&self, job: i64) -> UsageSeries {
        let inner = self.lock();
        inner.usage.get(&JobId(job)).cloned().unwrap_or_default()
    }

    /// A host that is known before any worker enters it.
    pub fn add_host(&self, name: &str, capacity: Capacity) {
        let facts = HostFacts {
            executor: "scripted".to_owned(),
            identity: name.to_owned(),
            boot_id: "boot".to_owned(),
            name: name.to_owned(),
        };
        let mut inner = self.lock();
        inner.enter(&facts);
        inner.hosts.last_mut().expect("it was just added").capacity = capacity;
    }

    /// Changes a host that some worker has entered.
    pub fn change_host(&self, name: &str, change: impl FnOnce(&mut Host)) {
        let mut inner = self.lock();
        let mut hosts = inner.hosts.iter_mut();
        let host = hosts.find(|host| host.facts.name == name);
        change(host.expect("a worker entered it"));
    }

    /// A host as the store knows it.
    pub fn host(&self, name: &str) -> Host {
        let inner = self.lock();
        let mut hosts = inner.hosts.iter();
        let host = hosts.find(|host| host.facts.name == name);
        host.expect("a worker entered it").clone()
    }

    /// Another queue of the scripted executor.
    pub fn add_queue(&self, id: i32, name: &str) -> QueueId {
        self.lock().queues.push(queue(id, name, "scripted"));
        QueueId(id)
    }

    pub fn as_dyn(self: &Arc<Self>) -> Arc<dyn Store> {
        Arc::clone(self) as Arc<dyn Store>
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("no verb panics with the lock held")
    }

    pub fn fault(&self, verb: &'static str, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.add(verb, faults);
    }

    /// From now on each acquisition of this queue collides.
    pub fn fault_queue(&self, queue: QueueId) {
        self.lock().stuck = Some(queue);
    }

    pub fn set_away(&self, away: bool) {
        self.lock().faults.set_away(away);
    }

    pub fn add(&self, spec: JobSpec) -> i64 {
        self.add_raw(Ok(spec))
    }

    pub fn add_raw(&self, spec: Result<JobSpec, String>) -> i64 {
        self.add_to(QueueId(1), spec)
    }

    pub fn add_to(&self, queue: QueueId, spec: Result<JobSpec, String>) -> i64 {
        let mut inner = self.lock();
        let id = inner.jobs.keys().last().map_or(1, |last| last.0 + 1);
        let may_wait = spec.as_ref().ok().and_then(|spec| spec.queue_timeout);
        let job = Job {
            queue,
            expires_at: may_wait
                .and_then(Timeout::limit)
                .map(|time| Instant::now() + time),
            spec,
            place: Place::Ready,
            attempts: 0,
            spent: Spent::default(),
        };
        inner.jobs.insert(JobId(id), job);
        drop(inner);
        self.hint();
        id
    }

    /// Something may have changed.
    pub fn hint(&self) {
        if !self.lock().hints_are_lost {
            self.hints.send_modify(|hints| *hints += 1);
        }
    }

    /// A person cancels a live job.
    pub fn cancel(&self, job: i64) {
        let mut inner = self.lock();
        let lease = inner.leases.get_mut(&JobId(job)).expect("the job is live");
        lease.cancel_requested = true;
        drop(inner);
        self.hint();
    }

    /// Another worker takes the lease over, under a fresh token.
    pub fn take_over(&self, job: i64) {
        let mut inner = self.lock();
        inner.last_token += 1;
        let token = Token(inner.last_token);
        let lease = inner.leases.get_mut(&JobId(job)).expect("the job is live");
        lease.key.token = token;
        lease.worker = WorkerId(-1);
        drop(inner);
        self.hint();
    }

    pub fn place(&self, job: i64) -> Place {
        self.lock().jobs[&JobId(job)].place.clone()
    }

    pub fn is_settled(&self, job: i64, state: TerminalState) -> bool {
        self.place(job) == Place::Settled(state)
    }

    /// Whether the job's container was noted as started.
    pub fn is_running(&self, job: i64) -> bool {
        self.lock()
            .leases
            .get(&JobId(job))
            .is_some_and(|lease| lease.started)
    }

    /// What was recorded of the job's attempts, first to last.
    pub fn records(&self, job: i64) -> Vec<AttemptRecord> {
        let inner = self.lock();
        let of_job = inner
            .attempts
            .iter()
            .filter(|(key, _, _)| key.job == JobId(job));
        of_job.map(|(_, record, _)| record.clone()).collect()
    }

    pub fn record(&self, job: i64) -> AttemptRecord {
        let mut records = self.records(job);
        assert_eq!(records.len(), 1, "job {job} has one attempt: {records:?}");
        records.remove(0)
    }

    /// What was stored of the job's output, as (stream number, position, bytes).
    pub fn output(&self, job: i64) -> Vec<OutputAppend> {
        let inner = self.lock();
        let of_job = inner
            .output
            .values()
            .filter(|append| append.lease.job == JobId(job));
        of_job.cloned().collect()
    }

    pub fn workers(&self) -> Vec<WorkerId> {
        self.lock().workers.keys().copied().collect()
    }

    /// Runs a verb, with the fault that is due.
    pub(super) async fn verb<T>(
        &self,
        verb: &'static str,
        what: impl FnOnce(&mut Inner) -> StoreResult<T>,
    ) -> StoreResult<T> {
        // Real ones wait for a disk or a network: let others run in between.
        tokio::task::yield_now().await;
        let fault = self.lock().faults.next(verb);
        match fault {
            Fault::None => what(&mut self.lock()),
            Fault::Before(error) => Err(error),
            Fault::After(error) => what(&mut self.lock()).and(Err(error)),
            Fault::Late(time) => {
                sleep(time).await;
                what(&mut self.lock())
            }
            Fault::Hang => {
                let _ = what(&mut self.lock());
                std::future::pending().await
            }
        }
    }
}

fn unused<T>(verb: &'static str) -> StoreResult<T> {
    Err(StoreError::unexpected(verb, "no worker uses this verb"))
}
