//! What can be drawn: every verb, and by which index it names what it is about.

use proptest::collection::vec;
use proptest::prelude::*;

use super::draft::{Draft, ENDS, draft, queue};

/// Which job is meant, modulo how many of the kind there are.
#[derive(Clone, Copy, Debug)]
pub enum JobRef {
    /// Any that there is.
    Any(u8),
    /// One that waits.
    Waiting(u8),
    /// One that has ended.
    Ended(u8),
    /// One that there is not.
    Unknown,
}

/// Which lease is meant, modulo how many of the kind there are.
#[derive(Clone, Copy, Debug)]
pub enum LeaseRef {
    /// One that is held.
    Live(u8),
    /// One that is over.
    Past(u8),
    /// One that is held, by an older token.
    Stale(u8),
    /// One that is held, by another attempt's number.
    Misnumbered(u8),
    /// One of a job that there is not.
    Unknown,
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Submissions.
    Submit(Vec<Draft>),
    /// See `queue_job`.
    Queue(JobRef),
    /// See `dequeue_job`.
    Dequeue(JobRef),
    /// See `reprioritise`.
    Reprioritise(JobRef, u8),
    /// See `request_cancel`.
    Cancel(JobRef),
    /// See `retry_job`.
    RetryNow(JobRef),
    /// Queue, worker, how many, and the call's own limit.
    Acquire(u8, u8, u8, Option<u8>),
    /// Lease, host and demand.
    Launch(LeaseRef, u8, u8),
    /// See `note_launch`.
    Note(LeaseRef, u8),
    /// See `mark_running`.
    Run(LeaseRef),
    /// Leases, and the number of each part.
    Output(Vec<(LeaseRef, u8)>),
    /// Leases, and how each ends.
    Finish(Vec<(LeaseRef, u8)>),
    /// How everything ends that is held, in one call, and where in the list of it the call begins.
    FinishAll(u8, u8),
    /// Worker, how many, and those that it is to be told again.
    TakeOver(u8, u8, Vec<LeaseRef>),
    /// See `are_live`.
    AreLive(Vec<LeaseRef>),
    /// See `check_leases`.
    Check(Vec<LeaseRef>),
    /// Queue, and its new limit.
    Limit(u8, Option<u8>),
    /// Queue, and whether it is paused.
    Pause(u8, bool),
    /// Queue, and whether its jobs age in a moment, in an hour or never.
    Ageing(u8, u8),
    /// Queue, and the label that it asks of its hosts.
    Select(u8, Option<u8>),
    /// A queue whose name is taken.
    CreateQueue(u8),
    /// Worker, and what it says: sign of life, drain, goodbye, its hosts.
    Worker(u8, u8),
    /// A worker of these queues and hosts, as bits.
    Hire(u8, u8),
    /// Host, and what is changed of it.
    Host(u8, u8),
    /// States, queue, label, name or exit code, cursor, page.
    List(u8, Option<u8>, u8, u8, Option<u8>, u8),
    /// See `show_job`.
    Show(JobRef),
    /// Job, attempt, cursor and size of the page.
    ReadOutput(JobRef, Option<u8>, Option<u8>, u8),
    /// One of the verbs that count or list everything.
    Look(u8),
    /// See `stage_due`.
    Stage(u8),
    /// See `expire_waiting`.
    Expire,
    /// See `age_waiting`.
    Age(u8),
    /// All that has ended, in batches of this many.
    Prune(u8),
}

/// A list of operations, of at most `longest`.
pub fn ops(longest: usize) -> impl Strategy<Value = Vec<Op>> {
    vec(op(), 1..=longest)
}

fn job() -> impl Strategy<Value = JobRef> {
    prop_oneof![
        6 => any::<u8>().prop_map(JobRef::Any),
        4 => any::<u8>().prop_map(JobRef::Waiting),
        3 => any::<u8>().prop_map(JobRef::Ended),
        1 => Just(JobRef::Unknown),
    ]
}

fn lease() -> impl Strategy<Value = LeaseRef> {
    prop_oneof![
        16 => any::<u8>().prop_map(LeaseRef::Live),
        2 => any::<u8>().prop_map(LeaseRef::Past),
        2 => any::<u8>().prop_map(LeaseRef::Stale),
        1 => any::<u8>().prop_map(LeaseRef::Misnumbered),
        1 => Just(LeaseRef::Unknown),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        30 => asked_by_people(),
        46 => done_by_workers(),
        12 => registry(),
        14 => looks(),
        7 => upkeep(),
    ]
}

fn asked_by_people() -> impl Strategy<Value = Op> {
    prop_oneof![
        14 => vec(draft(), 1..4).prop_map(Op::Submit),
        3 => job().prop_map(Op::Queue),
        3 => job().prop_map(Op::Dequeue),
        3 => (job(), 0u8..4).prop_map(|(job, priority)| Op::Reprioritise(job, priority)),
        4 => job().prop_map(Op::Cancel),
        4 => job().prop_map(Op::RetryNow),
    ]
}

fn done_by_workers() -> impl Strategy<Value = Op> {
    let cap = proptest::option::weighted(0.2, 0u8..4);
    let worker = prop_oneof![6 => Just(0u8), 2 => Just(1u8), 4 => 2u8..6];
    // Mostly back to where it waits: what comes of the order shows then.
    let back = prop_oneof![3 => 2u8..4, 2 => 4u8..8, 1 => 0..ENDS];
    let taker = prop_oneof![3 => Just(0u8), 1 => Just(1u8), 4 => 2u8..6];
    let again = prop_oneof![3 => Just(Vec::new()), 1 => vec(lease(), 0..3)];
    let acquire = (queue(), worker, 0u8..5, cap);
    prop_oneof![
        14 => acquire.prop_map(|(queue, worker, want, cap)| Op::Acquire(queue, worker, want, cap)),
        12 => vec((lease(), 0..ENDS), 1..4).prop_map(Op::Finish),
        3 => (back, any::<u8>()).prop_map(|(how, from)| Op::FinishAll(how, from)),
        8 => lease().prop_map(Op::Run),
        6 => (lease(), 0u8..4, 0u8..4).prop_map(|(lease, host, demand)| Op::Launch(lease, host, demand)),
        4 => vec((lease(), 0u8..4), 1..4).prop_map(Op::Output),
        1 => (lease(), any::<u8>()).prop_map(|(lease, note)| Op::Note(lease, note)),
        1 => vec(lease(), 0..4).prop_map(Op::Check),
        1 => vec(lease(), 0..4).prop_map(Op::AreLive),
        // Workers come, drain or say goodbye: the first, who acquires most, and others take over.
        3 => (0u8..8, 0u8..4).prop_map(|(queues, hosts)| Op::Hire(queues, hosts)),
        4 => (1u8..6, 0u8..2).prop_map(|(worker, what)| Op::Worker(worker, what)),
        5 => (taker, 0u8..5, again).prop_map(|(worker, want, again)| Op::TakeOver(worker, want, again)),
    ]
}

fn registry() -> impl Strategy<Value = Op> {
    let limit = proptest::option::weighted(0.6, 0u8..4);
    let label = proptest::option::weighted(0.4, 0u8..2);
    prop_oneof![
        4 => (queue(), limit).prop_map(|(queue, limit)| Op::Limit(queue, limit)),
        3 => (queue(), proptest::bool::weighted(0.3)).prop_map(|(queue, paused)| Op::Pause(queue, paused)),
        3 => (queue(), prop_oneof![1 => 0u8..3, 2 => Just(1u8)])
            .prop_map(|(queue, ageing)| Op::Ageing(queue, ageing)),
        1 => (0u8..3, label).prop_map(|(queue, label)| Op::Select(queue, label)),
        1 => (0u8..3).prop_map(Op::CreateQueue),
        3 => (0u8..6, 0u8..8).prop_map(|(worker, what)| Op::Worker(worker, what)),
        1 => (0u8..8, 0u8..4).prop_map(|(queues, hosts)| Op::Hire(queues, hosts)),
        4 => (0u8..3, 0u8..13).prop_map(|(host, what)| Op::Host(host, what)),
    ]
}

fn looks() -> impl Strategy<Value = Op> {
    let sometimes = || proptest::option::weighted(0.4, any::<u8>());
    let list = (
        any::<u8>(),
        proptest::option::weighted(0.3, 0u8..4),
        0u8..3,
        0u8..6,
        sometimes(),
        0u8..6,
    );
    prop_oneof![
        4 => list.prop_map(|(states, queue, label, text, before, page)| {
            Op::List(states, queue, label, text, before, page)
        }),
        4 => job().prop_map(Op::Show),
        2 => (job(), proptest::option::weighted(0.3, 0u8..4), sometimes(), 0u8..3)
            .prop_map(|(job, attempt, after, size)| Op::ReadOutput(job, attempt, after, size)),
        5 => (0u8..9).prop_map(Op::Look),
    ]
}

fn upkeep() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0u8..4).prop_map(Op::Stage),
        3 => Just(Op::Expire),
        4 => (0u8..4).prop_map(Op::Age),
        1 => (1u8..4).prop_map(Op::Prune),
    ]
}
