//! What is in it: rows, and what the verbs do to them.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::attempt::AttemptRecord;
use longshore_core::disposition::{Disposition, Spent};
use longshore_core::executor::Handle;
use longshore_core::host::{Capacity, Demand, Host, HostFacts, Used};
use longshore_core::queue::Queue;
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, FinishOutcome, LeaseKey, LeaseStatus, OutputAppend};
use longshore_core::template::Template;
use longshore_core::usage::UsageSeries;
use longshore_core::{AttemptNumber, HostId, JobId, JobSpec, QueueId, WorkerId};
use tokio::time::Instant;

use super::super::faults::Faults;

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
    /// Nobody hears of anything.
    pub hints_are_lost: bool,
    /// Whoever listens knows that they arrive.
    pub hints_come_round: bool,
    pub last_token: i64,
    /// What was noted of each job's newest attempt.
    pub usage: BTreeMap<JobId, UsageSeries>,
}

impl Inner {
    /// With two queues, and nothing else.
    pub fn new() -> Self {
        Self {
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
            hints_are_lost: false,
            hints_come_round: false,
            last_token: 0,
            usage: BTreeMap::new(),
        }
    }

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

    /// How long until the next job of these queues comes due.
    pub fn due_in(&self, is_asked: impl Fn(QueueId) -> bool) -> Option<Duration> {
        let now = Instant::now();
        let later = |job: &Job| match job.place {
            Place::Scheduled(due) if due > now && is_asked(job.queue) => Some(due - now),
            _ => None,
        };
        self.jobs.values().filter_map(later).min()
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

pub fn queue(id: i32, name: &str, executor: &str) -> Queue {
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
