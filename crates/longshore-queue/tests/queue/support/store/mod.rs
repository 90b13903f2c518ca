//! A store in memory: a job's place is its state, and every write is guarded by its token, as in
//! the real ones. Time is the runtime's, so that a paused clock moves it.

mod leases;
mod reading;
mod recovery;
mod registry;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use longshore_core::attempt::AttemptRecord;
use longshore_core::disposition::{Disposition, Spent};
use longshore_core::executor::Handle;
use longshore_core::host::{Capacity, Demand, Host, HostFacts, Used};
use longshore_core::queue::Queue;
use longshore_core::spec::Timeout;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    Finish, FinishOutcome, LeaseKey, LeaseStatus, OutputAppend, Store, StoreError, StoreResult,
};
use longshore_core::template::Template;
use longshore_core::{AttemptNumber, HostId, JobId, JobSpec, QueueId, Token, WorkerId};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Journal;
use super::faults::{Fault, Faults};

/// A store in memory.
pub struct MemoryStore {
    inner: Mutex<Inner>,
    pub hints: watch::Sender<u64>,
    pub journal: Journal,
}

/// Where a job is.
#[derive(Clone, PartialEq, Debug)]
pub enum Place {
    Ready,
    Scheduled(Instant),
    Leased,
    Settled(TerminalState),
}

pub struct Job {
    pub queue: QueueId,
    pub spec: Result<JobSpec, String>,
    pub place: Place,
    pub attempts: i32,
    pub spent: Spent,
    /// When it has waited for too long.
    pub expires_at: Option<Instant>,
}

pub struct LeaseRow {
    pub key: LeaseKey,
    pub worker: WorkerId,
    pub acquire_number: i64,
    pub takeovers: u16,
    pub handle: Option<Handle>,
    pub placed: Option<(HostId, Demand)>,
    pub started: bool,
    pub cancel_requested: bool,
}

#[derive(Default)]
pub struct WorkerRow {
    pub heartbeats: u32,
    pub last_heartbeat: Option<Instant>,
    pub fenced: bool,
    pub draining: bool,
    pub stopped: bool,
}

pub struct Inner {
    pub jobs: BTreeMap<JobId, Job>,
    pub leases: BTreeMap<JobId, LeaseRow>,
    pub attempts: Vec<(LeaseKey, AttemptRecord, Disposition)>,
    pub output: BTreeMap<(LeaseKey, i32), OutputAppend>,
    pub append_calls: usize,
    pub finish_calls: Vec<usize>,
    pub workers: BTreeMap<WorkerId, WorkerRow>,
    pub templates: Vec<Template>,
    pub queues: Vec<Queue>,
    pub hosts: Vec<Host>,
    /// What the workers reach that were told of more hosts.
    pub reached: Vec<HostId>,
    pub served: Vec<QueueId>,
    pub faults: Faults,
    pub stuck: Option<QueueId>,
    pub last_token: i64,
}

impl MemoryStore {
    pub fn new(journal: Journal) -> Self {
        let inner = Inner {
            jobs: BTreeMap::new(),
            leases: BTreeMap::new(),
            attempts: Vec::new(),
            output: BTreeMap::new(),
            append_calls: 0,
            finish_calls: Vec::new(),
            workers: BTreeMap::new(),
            templates: Vec::new(),
            queues: vec![queue(1, "local", "scripted"), queue(2, "default", "docker")],
            hosts: Vec::new(),
            reached: Vec::new(),
            served: Vec::new(),
            faults: Faults::default(),
            stuck: None,
            last_token: 0,
        };
        Self {
            inner: Mutex::new(inner),
            hints: watch::Sender::new(0),
            journal,
        }
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
        self.hints.send_modify(|hints| *hints += 1);
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

fn queue(id: i32, name: &str, executor: &str) -> Queue {
    Queue {
        id: QueueId(id),
        name: name.to_owned(),
        executor: executor.to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: None,
        paused: false,
        ageing: None,
        on_host_lost: longshore_core::queue::OnHostLost::Wait,
        epoch: 0,
    }
}

fn unused<T>(verb: &'static str) -> StoreResult<T> {
    Err(StoreError::unexpected(verb, "no worker uses this verb"))
}

impl Inner {
    /// A host's id, the same each time.
    pub fn enter(&mut self, facts: &HostFacts) -> HostId {
        let mut known = self.hosts.iter_mut();
        if let Some(host) = known.find(|host| host.facts.identity == facts.identity) {
            host.problem = None;
            return host.id;
        }
        let id = HostId(i64::try_from(self.hosts.len()).expect("a few") + 1);
        self.hosts.push(Host {
            id,
            facts: facts.clone(),
            labels: BTreeMap::new(),
            capacity: Capacity::default(),
            used: Used::default(),
            weight: 1,
            enabled: true,
            problem: None,
            last_seen_at: jiff::Timestamp::UNIX_EPOCH,
            forgotten_at: None,
        });
        id
    }

    /// What live jobs take of a host.
    pub fn used(&self, host: HostId) -> Used {
        let placed = self.leases.values().filter_map(|lease| lease.placed);
        let mut used = Used::default();
        for (_, demand) in placed.filter(|(on, _)| *on == host) {
            used.slots += 1;
            used.memory_bytes += demand.memory_bytes;
            used.millicpus += demand.millicpus;
        }
        used
    }

    pub fn stage(&mut self) -> u64 {
        let now = Instant::now();
        let mut staged = 0;
        for job in self.jobs.values_mut() {
            if matches!(job.place, Place::Scheduled(due) if due <= now) {
                job.place = Place::Ready;
                staged += 1;
            }
        }
        staged
    }

    pub fn status(&self, key: LeaseKey) -> LeaseStatus {
        match self.leases.get(&key.job) {
            Some(lease) if lease.key == key && lease.cancel_requested => {
                LeaseStatus::CancelRequested
            }
            Some(lease) if lease.key == key => LeaseStatus::Held,
            Some(_) | None => LeaseStatus::Lost,
        }
    }

    pub fn finish(&mut self, finish: &Finish) -> FinishOutcome {
        let key = finish.lease;
        if self.status(key) == LeaseStatus::Lost {
            let was_finished = self
                .attempts
                .iter()
                .any(|(finished, _, _)| *finished == key);
            return if was_finished {
                FinishOutcome::AlreadyFinished
            } else {
                FinishOutcome::LeaseLost
            };
        }
        let is_cancelled = self.status(key) == LeaseStatus::CancelRequested;
        let then = match finish.then {
            Disposition::Settle(state) => Disposition::Settle(state),
            // As in the real ones: a job whose end was asked for goes back to no line.
            _ if is_cancelled => Disposition::Settle(TerminalState::Cancelled),
            other => other,
        };
        self.leases.remove(&key.job);
        self.attempts.push((key, finish.record.clone(), then));
        let job = self.jobs.get_mut(&key.job).expect("a lease has its job");
        job.place = match then {
            Disposition::Settle(state) => Place::Settled(state),
            Disposition::RetryAfter(delay) => {
                job.spent.tries += 1;
                Place::Scheduled(Instant::now() + delay.max(Duration::from_millis(1)))
            }
            Disposition::HandBack => Place::Ready,
            Disposition::Lost => {
                job.spent.losses += 1;
                Place::Ready
            }
        };
        if then == finish.then {
            FinishOutcome::Finished
        } else {
            FinishOutcome::Cancelled
        }
    }

    pub fn next_attempt(&mut self, job: JobId) -> AttemptNumber {
        let row = self.jobs.get_mut(&job).expect("a waiting job exists");
        row.attempts += 1;
        row.place = Place::Leased;
        AttemptNumber(row.attempts)
    }
}
