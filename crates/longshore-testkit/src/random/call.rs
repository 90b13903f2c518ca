//! A verb with its arguments, in the model's ids; made of an op by looking at the model.

use std::collections::BTreeMap;

use longshore_core::executor::Handle;
use longshore_core::host::{Demand, HostChange, HostFacts};
use longshore_core::limit::Limit;
use longshore_core::output::{KeptOutput, ResumePoint, Stream};
use longshore_core::queue::{NewQueue, QueueChange};
use longshore_core::store::{
    AcquireRequest, Finish, JobFilter, LeaseKey, NewJob, NewWorker, OutputAppend, OutputCursor,
    OutputRequest, TakeOverRequest,
};
use longshore_core::{
    AttemptNumber, HostId, JobId, Priority, QueueId, State, Timestamp, Token, WorkerId,
};

use super::draft::{end, priority};
use super::op::{JobRef, LeaseRef, Op};
use super::side::{QUEUES, host_facts_of, worker_of};
use crate::model::{Model, NOBODY};
use crate::store::scene::{LATER, handle_of, new_queue};

/// A verb with its arguments.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Submit(Vec<NewJob>),
    QueueJob(JobId),
    DequeueJob(JobId),
    Reprioritise(JobId, Priority),
    RequestCancel(JobId),
    RetryJob(JobId),
    Acquire(AcquireRequest),
    MarkLaunched(LeaseKey, HostId, Handle, Demand),
    NoteLaunch(LeaseKey, String),
    MarkRunning(LeaseKey),
    AppendOutput(Vec<OutputAppend>),
    Finish(Vec<Finish>),
    TakeOver(TakeOverRequest),
    AreLive(Vec<(JobId, AttemptNumber)>),
    ForgetHost(HostId),
    CheckLeases(Vec<LeaseKey>),
    LeasesOf(WorkerId),
    ChangeQueue(String, QueueChange),
    CreateQueue(NewQueue),
    RegisterWorker(NewWorker),
    Heartbeat(WorkerId),
    DrainWorker(WorkerId),
    StopWorker(WorkerId),
    SetWorkerReach(WorkerId, Vec<HostId>, Vec<QueueId>),
    ChangeHost(HostId, HostChange),
    NoteHostProblem(HostId, String),
    RegisterHost(HostFacts),
    ListJobs(JobFilter),
    ShowJob(JobId),
    States(Vec<JobId>),
    NewestJob,
    ReadOutput(OutputRequest),
    QueueStats,
    WorkerMetrics,
    SettledCounts,
    Queues,
    Workers(bool),
    Hosts,
    StageDue(u32),
    ExpireWaiting,
    AgeWaiting(u32),
    /// Pass after pass, in batches of this many, until nothing is left.
    PruneAll(u32),
    Prunable,
    Audit,
}

impl Call {
    /// For a report: jobs in the form in which people write them.
    pub(super) fn words(&self) -> String {
        let Self::Submit(jobs) = self else {
            return format!("{self:?}");
        };
        let job = |job: &NewJob| {
            let json = serde_json::to_string(job.spec()).unwrap_or_else(|error| error.to_string());
            format!("{json}{}", if job.is_held() { " on hold" } else { "" })
        };
        format!(
            "Submit({})",
            jobs.iter().map(job).collect::<Vec<_>>().join(", ")
        )
    }
}

impl Op {
    /// What it asks for now; nothing if it is about things of a kind that there are none of.
    pub(super) fn resolve(&self, model: &Model, number: i64) -> Option<Call> {
        Some(match self {
            Self::Submit(drafts) => {
                Call::Submit(drafts.iter().map(super::draft::Draft::build).collect())
            }
            Self::Queue(job) => Call::QueueJob(job.find(model)?),
            Self::Dequeue(job) => Call::DequeueJob(job.find(model)?),
            Self::Reprioritise(job, to) => Call::Reprioritise(job.find(model)?, priority(*to)),
            Self::Cancel(job) => Call::RequestCancel(job.find(model)?),
            Self::RetryNow(job) => Call::RetryJob(job.find(model)?),
            Self::Acquire(queue, worker, want, cap) => Call::Acquire(AcquireRequest {
                queue: QueueId(i32::from(*queue) + 1),
                want: u32::from(*want),
                worker: WorkerId(i64::from(*worker) + 1),
                acquire_number: number,
                max_concurrent: cap.map(|cap| Limit(cap.into())),
            }),
            Self::Launch(lease, host, demand) => {
                let lease = lease.find(model)?;
                let demand = Demand {
                    memory_bytes: u64::from(demand % 2) * 600,
                    millicpus: u64::from(demand / 2) * 600,
                };
                Call::MarkLaunched(
                    lease,
                    HostId(i64::from(*host) + 1),
                    handle_of(lease),
                    demand,
                )
            }
            Self::Note(lease, note) => {
                Call::NoteLaunch(lease.find(model)?, format!("pulling {note}"))
            }
            Self::Run(lease) => Call::MarkRunning(lease.find(model)?),
            Self::Output(parts) => {
                let append = |(lease, seq): &(LeaseRef, u8)| Some(part(lease.find(model)?, *seq));
                Call::AppendOutput(parts.iter().filter_map(append).collect())
            }
            Self::Finish(ends) => {
                let finish = |(lease, how): &(LeaseRef, u8)| {
                    let (record, then) = end(*how);
                    let lease = lease.find(model)?;
                    Some(Finish {
                        lease,
                        record,
                        then,
                    })
                };
                Call::Finish(ends.iter().filter_map(finish).collect())
            }
            Self::FinishAll(how, from) => {
                let mut leases = model.live_leases();
                let from = usize::from(*from) % leases.len().max(1);
                leases.rotate_left(from);
                let (record, then) = end(*how);
                let finish = |lease| Finish {
                    lease,
                    record: record.clone(),
                    then,
                };
                Call::Finish(leases.into_iter().map(finish).collect())
            }
            Self::TakeOver(worker, want, again) => Call::TakeOver(TakeOverRequest {
                worker: WorkerId(i64::from(*worker) + 1),
                want: u32::from(*want),
                acquire_number: number,
                heard_at: Timestamp::MAX,
                again: found(again, model),
            }),
            Self::AreLive(leases) => {
                let leases = found(leases, model).into_iter();
                Call::AreLive(leases.map(|lease| (lease.job, lease.attempt)).collect())
            }
            Self::Check(leases) => Call::CheckLeases(found(leases, model)),
            Self::Limit(queue, limit) => change(*queue, |change| {
                change.max_concurrent = Some(limit.map(|limit| Limit(limit.into())));
            }),
            Self::Pause(queue, paused) => change(*queue, |change| change.paused = Some(*paused)),
            Self::Ageing(queue, ageing) => change(*queue, |change| {
                change.ageing =
                    Some([None, Some(Model::SOON), Some(LATER)][usize::from(*ageing) % 3]);
            }),
            Self::Select(queue, label) => change(*queue, |change| {
                change.host_selector = zone(*label);
            }),
            Self::CreateQueue(queue) => Call::CreateQueue(new_queue(QUEUES[usize::from(*queue)])),
            Self::Worker(worker, what) => tell(WorkerId(i64::from(*worker) + 1), *what),
            Self::Hire(queues, hosts) => {
                Call::RegisterWorker(worker_of(&bits(*queues), &bits(*hosts)))
            }
            Self::Host(host, what) => say_of(*host, *what),
            Self::List(states, queue, label, text, before, page) => Call::ListJobs(filter(
                model,
                (*states, *queue, *label, *text, *before, *page),
            )),
            Self::Show(job) => Call::ShowJob(job.find(model)?),
            Self::ReadOutput(job, attempt, after, size) => Call::ReadOutput(OutputRequest {
                job: job.find(model)?,
                attempt: attempt.map(|attempt| AttemptNumber(attempt.into())),
                after: after.and_then(|after| cursor(model, after)),
                max_bytes: [1, 6, 1000][usize::from(*size) % 3],
            }),
            Self::Look(what) => look(*what),
            Self::Stage(limit) => Call::StageDue([1000, 0, 1, 2][usize::from(*limit) % 4]),
            Self::Expire => Call::ExpireWaiting,
            Self::Age(limit) => Call::AgeWaiting([1000, 0, 1, 2][usize::from(*limit) % 4]),
            Self::Prune(batch) => Call::PruneAll((*batch).into()),
        })
    }
}

impl JobRef {
    fn find(self, model: &Model) -> Option<JobId> {
        let of = |index: u8, is_it: fn(State) -> bool| {
            pick(
                model
                    .jobs()
                    .filter(|(_, state)| is_it(*state))
                    .map(|(job, _)| job)
                    .collect(),
                index,
            )
        };
        match self {
            Self::Any(index) => of(index, |_| true),
            Self::Waiting(index) => of(index, |state| !state.is_live() && !state.is_terminal()),
            Self::Ended(index) => of(index, State::is_terminal),
            Self::Unknown => Some(NOBODY),
        }
    }
}

impl LeaseRef {
    fn find(self, model: &Model) -> Option<LeaseKey> {
        let live = |index| pick(model.live_leases(), index);
        match self {
            Self::Live(index) => live(index),
            Self::Past(index) => pick(model.past_leases(), index),
            Self::Stale(index) => live(index).map(crate::store::scene::stale),
            Self::Misnumbered(index) => live(index).map(|lease| LeaseKey {
                attempt: AttemptNumber(lease.attempt.0 + 1),
                ..lease
            }),
            Self::Unknown => Some(Model::no_lease(NOBODY)),
        }
    }
}

fn found(leases: &[LeaseRef], model: &Model) -> Vec<LeaseKey> {
    let leases = leases.iter();
    leases.filter_map(|lease| lease.find(model)).collect()
}

fn pick<T>(mut from: Vec<T>, index: u8) -> Option<T> {
    let count = from.len();
    (count > 0).then(|| from.swap_remove(usize::from(index) % count))
}

/// The ids, counting from 1, whose bits are set.
fn bits(mask: u8) -> Vec<i64> {
    (0..8)
        .filter(|bit| mask >> bit & 1 == 1)
        .map(|bit| bit + 1)
        .collect()
}

fn change(queue: u8, make: impl FnOnce(&mut QueueChange)) -> Call {
    let mut change = QueueChange::default();
    make(&mut change);
    let name = QUEUES.get(usize::from(queue)).copied().unwrap_or("nowhere");
    Call::ChangeQueue(name.to_owned(), change)
}

fn zone(value: Option<u8>) -> BTreeMap<String, Option<String>> {
    BTreeMap::from([("zone".to_owned(), value.map(|value| value.to_string()))])
}

fn tell(worker: WorkerId, what: u8) -> Call {
    match what {
        0 => Call::DrainWorker(worker),
        1 => Call::StopWorker(worker),
        2 | 3 => Call::Heartbeat(worker),
        4 | 5 => Call::LeasesOf(worker),
        _ => {
            let hosts = vec![HostId(2), HostId(1)];
            Call::SetWorkerReach(worker, hosts, vec![QueueId(2), QueueId(1)])
        }
    }
}

fn say_of(host: u8, what: u8) -> Call {
    let id = HostId(i64::from(host) + 1);
    let change = match what {
        0 => return Call::NoteHostProblem(id, "no route".to_owned()),
        1 => return Call::RegisterHost(host_facts_of(host % 2)),
        10..13 => return Call::ForgetHost(id),
        2 => HostChange {
            enabled: Some(false),
            ..HostChange::default()
        },
        3 | 4 => HostChange {
            enabled: Some(true),
            ..HostChange::default()
        },
        5 => HostChange {
            slots: Some(Some(1)),
            ..HostChange::default()
        },
        6 => HostChange {
            memory_bytes: Some(Some(1000)),
            ..HostChange::default()
        },
        7 => HostChange {
            millicpus: Some(Some(1000)),
            ..HostChange::default()
        },
        8 => HostChange {
            labels: zone(Some(host)),
            ..HostChange::default()
        },
        _ => HostChange {
            slots: Some(None),
            memory_bytes: Some(None),
            millicpus: Some(None),
            labels: zone(None),
            ..HostChange::default()
        },
    };
    Call::ChangeHost(id, change)
}

/// What a part of output holds goes by its number, as it does for a worker that sends it again; and
/// by its lease, so that a mix-up shows.
fn part(lease: LeaseKey, seq: u8) -> OutputAppend {
    let stream = Stream::ALL[usize::from(seq % 2)];
    OutputAppend {
        lease,
        seq: i32::from(seq),
        output: KeptOutput {
            stream,
            position: u64::from(seq) * 4,
            bytes: format!("{}.{}.{seq}", lease.job, lease.attempt).into_bytes(),
        },
        resume: (seq % 4 != 3).then(|| ResumePoint(format!("after {seq}"))),
    }
}

fn cursor(model: &Model, index: u8) -> Option<OutputCursor> {
    let mut leases = model.past_leases();
    leases.extend(model.live_leases());
    let Token(token) = pick(leases, index / 4)?.token;
    Some(OutputCursor {
        token: Token(token),
        seq: i32::from(index % 4),
    })
}

type Drawn = (u8, Option<u8>, u8, u8, Option<u8>, u8);

fn filter(model: &Model, (states, queue, label, text, before, page): Drawn) -> JobFilter {
    let states = match states {
        0..100 => Vec::new(),
        some => {
            let nth = |n: u8| State::ALL[usize::from(n) % State::ALL.len()];
            vec![nth(some), nth(some / 9), nth(some)]
        }
    };
    let mut filter = JobFilter {
        states,
        queue: queue.map(|queue| {
            let name = QUEUES.get(usize::from(queue)).copied().unwrap_or("nowhere");
            name.to_owned()
        }),
        before: before.and_then(|index| JobRef::Any(index).find(model)),
        limit: u32::from(page),
        ..JobFilter::default()
    };
    if label > 0 {
        filter.labels.insert("kind".to_owned(), label.to_string());
    }
    match text {
        0 => filter.name = Some("job-1".to_owned()),
        1 => filter.search = Some("true".to_owned()),
        2 => filter.exit_code = Some(7),
        _ => {}
    }
    filter
}

fn look(what: u8) -> Call {
    match what {
        0 => Call::NewestJob,
        1 => Call::QueueStats,
        2 => Call::WorkerMetrics,
        3 => Call::SettledCounts,
        4 => Call::Queues,
        5 => Call::Workers(true),
        6 => Call::Workers(false),
        7 => Call::Hosts,
        _ => Call::Prunable,
    }
}
