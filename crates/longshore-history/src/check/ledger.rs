//! The store's calls, each with its answer; and what they say of each lease and each job.
//!
//! Built once, for all passes. It must never judge: it says what was asked, what was answered, and
//! between which lines the effect lies.

use std::collections::BTreeMap;

use super::holders::{Holder, Taking};
use crate::event::{Event, Position, Source};
use crate::ids::{AttemptNumber, JobId, QueueId, RunId, Token, WorkerId};
use crate::store::{Acquire, Answer, Call, CallNumber, FinishWord, Leased, Told};

/// A history's calls.
pub(super) struct Ledger<'a> {
    /// In the order of their CALLs.
    pub(super) calls: Vec<Made<'a>>,
    /// Which of them have an answer, in the order of the answers.
    pub(super) answered: Vec<CallIndex>,
    /// Every lease that was certainly given, in the order of the answers.
    pub(super) leases: Vec<Lease>,
    /// Every take-over that was certainly given, in the order of the answers.
    pub(super) takings: Vec<Taking>,
    /// By each token that a lease has had.
    pub(super) lease_of: BTreeMap<(RunId, Token), LeaseIndex>,
    /// The first of each attempt; there is one, unless S1 is broken.
    pub(super) lease_of_run: BTreeMap<RunId, LeaseIndex>,
    /// What names each job, in the order of the CALLs.
    pub(super) named: BTreeMap<JobId, Vec<Naming>>,
    /// Ids by name, of every queue that the store told.
    pub(super) queues: BTreeMap<&'a str, QueueId>,
}

/// A call by its place in [`Ledger::calls`].
pub(super) type CallIndex = usize;
/// A lease by its place in [`Ledger::leases`].
pub(super) type LeaseIndex = usize;

/// One call, and what came of it.
pub(super) struct Made<'a> {
    pub(super) call: &'a Call,
    pub(super) called: Position,
    /// The recorder's clock at the CALL.
    pub(super) nanos: u64,
    pub(super) end: End<'a>,
}

/// What came of a call.
#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    /// It happened, before this line.
    Done { at: Position, answer: &'a Answer },
    /// It failed, and nothing happened.
    Nothing { at: Position },
    /// Nobody knows whether it happened, or will; here is its failure, if one was told.
    Unknown { told: Option<Position> },
}

/// Where a job is named.
#[derive(Clone, Copy)]
pub(super) struct Naming {
    pub(super) call: CallIndex,
    /// Which item of the call's or the answer's list names it; 0 where there is none.
    pub(super) item: usize,
}

/// A lease that was certainly given: one life from its acquisition to its end, whoever holds it under
/// whatever token.
pub(super) struct Lease {
    pub(super) run: RunId,
    /// The token that it was acquired under.
    pub(super) token: Token,
    pub(super) queue: QueueId,
    /// Who acquired it.
    pub(super) worker: WorkerId,
    /// Everybody who certainly held it, in the order of the tokens.
    pub(super) holders: Vec<Holder>,
    pub(super) lane: i16,
    pub(super) claimed: i64,
    /// The acquisition.
    pub(super) call: CallIndex,
    pub(super) acquired: Position,
    /// Until here it is certainly live: the first CALL that may have ended it.
    pub(super) live_until: Position,
    /// The answer by which it has certainly ended.
    pub(super) ended: Option<Position>,
}

impl<'a> Ledger<'a> {
    pub(super) fn of(events: &'a [Event]) -> Self {
        let calls = paired(events);
        let mut answered: Vec<CallIndex> = (0..calls.len())
            .filter(|&index| calls[index].done().is_some())
            .collect();
        answered.sort_by_key(|&index| calls[index].ended());
        let mut ledger = Self {
            calls,
            answered,
            leases: Vec::new(),
            takings: Vec::new(),
            lease_of: BTreeMap::new(),
            lease_of_run: BTreeMap::new(),
            named: BTreeMap::new(),
            queues: BTreeMap::new(),
        };
        ledger.note_leases();
        ledger.note_takings();
        ledger.note_ends();
        ledger.note_names();
        ledger.note_queues();
        ledger
    }

    /// The acquisitions that were answered, in that order, with what they brought.
    pub(super) fn acquisitions(
        &self,
    ) -> impl Iterator<Item = (CallIndex, &'a Acquire, &'a [Leased])> {
        self.answered.iter().filter_map(|&index| {
            let made = &self.calls[index];
            match (made.call, made.done()) {
                (Call::Acquire(asked), Some(Answer::Acquire(leased))) => {
                    Some((index, asked, leased.as_slice()))
                }
                _ => None,
            }
        })
    }

    /// The lease that a write names, if it was certainly given.
    pub(super) fn lease(&self, run: RunId, token: Token) -> Option<&Lease> {
        self.lease_of
            .get(&(run, token))
            .map(|&index| &self.leases[index])
    }

    /// The lines of a call and of its answer.
    pub(super) fn lines(&self, index: CallIndex) -> impl Iterator<Item = Position> {
        let made = &self.calls[index];
        let end = match made.end {
            End::Done { at, .. } | End::Nothing { at } => Some(at),
            End::Unknown { told } => told,
        };
        [Some(made.called), end].into_iter().flatten()
    }

    fn note_leases(&mut self) {
        let mut leases = Vec::new();
        for (call, asked, leased) in self.acquisitions() {
            for lease in leased {
                leases.push(Lease {
                    run: run_of(lease.job, lease.attempt),
                    token: lease.token,
                    queue: asked.queue,
                    worker: asked.worker,
                    holders: vec![Holder {
                        worker: asked.worker,
                        token: lease.token,
                        call,
                        called: self.calls[call].called,
                        since: self.calls[call].ended(),
                    }],
                    lane: lease.lane,
                    claimed: lease.claimed,
                    call,
                    acquired: self.calls[call].ended(),
                    live_until: Position::NEVER,
                    ended: None,
                });
            }
        }
        for (index, lease) in leases.iter().enumerate() {
            let key = (lease.run, lease.token);
            self.lease_of.entry(key).or_insert(index);
            self.lease_of_run.entry(lease.run).or_insert(index);
        }
        self.leases = leases;
    }

    fn note_ends(&mut self) {
        for made in &self.calls {
            let Call::Finish(finishes) = made.call else {
                continue;
            };
            for (item, finish) in finishes.iter().enumerate() {
                // A token that is not known here was given by a take-over whose reply was lost: it
                // ends the same lease.
                let run = run_of(finish.job, finish.attempt);
                let by_token = self.lease_of.get(&(run, finish.token));
                let Some(&lease) = by_token.or_else(|| self.lease_of_run.get(&run)) else {
                    continue;
                };
                let lease = &mut self.leases[lease];
                let (may_end, ends) = match made.end {
                    End::Nothing { .. } => (false, None),
                    End::Unknown { .. } => (true, None),
                    End::Done { at, answer } => match finish_word(answer, item) {
                        Some(
                            FinishWord::Finished
                            | FinishWord::Cancelled
                            | FinishWord::AlreadyFinished,
                        ) => (true, Some(at)),
                        Some(FinishWord::LeaseLost | FinishWord::Illegal) => (false, None),
                        None => (true, None),
                    },
                };
                if may_end {
                    lease.live_until = lease.live_until.min(made.called);
                }
                lease.ended = match (lease.ended, ends) {
                    (Some(earlier), Some(end)) => Some(earlier.min(end)),
                    (earlier, end) => earlier.or(end),
                };
            }
        }
    }

    fn note_names(&mut self) {
        for (call, made) in self.calls.iter().enumerate() {
            let mut name = |item, job| {
                let naming = Naming { call, item };
                self.named.entry(job).or_default().push(naming);
            };
            match made.call {
                Call::MarkLaunched(lease) | Call::NoteLaunch(lease) | Call::MarkRunning(lease) => {
                    name(0, lease.job);
                }
                Call::AppendOutput(leases) => {
                    let jobs = leases.iter().enumerate();
                    jobs.for_each(|(item, lease)| name(item, lease.job));
                }
                Call::Finish(finishes) => {
                    let jobs = finishes.iter().enumerate();
                    jobs.for_each(|(item, finish)| name(item, finish.job));
                }
                Call::RequestCancel(asked)
                | Call::QueueJob(asked)
                | Call::DequeueJob(asked)
                | Call::RetryJob(asked) => name(0, asked.job),
                Call::Reprioritise(asked) => name(0, asked.job),
                _ => {}
            }
            match made.done() {
                Some(Answer::Submit(jobs)) => {
                    let jobs = jobs.iter().enumerate();
                    jobs.for_each(|(item, submitted)| name(item, submitted.job));
                }
                Some(Answer::Acquire(leases)) => {
                    let jobs = leases.iter().enumerate();
                    jobs.for_each(|(item, lease)| name(item, lease.job));
                }
                Some(Answer::TakeOver(taken)) => {
                    let jobs = taken.iter().enumerate();
                    jobs.for_each(|(item, taken)| name(item, taken.job));
                }
                Some(Answer::ExpireWaiting(jobs)) => {
                    let jobs = jobs.iter().enumerate();
                    jobs.for_each(|(item, expired)| name(item, expired.job));
                }
                Some(Answer::AgeWaiting(jobs)) => {
                    let jobs = jobs.iter().enumerate();
                    jobs.for_each(|(item, aged)| name(item, aged.job));
                }
                _ => {}
            }
        }
    }

    fn note_queues(&mut self) {
        for made in &self.calls {
            let facts = match made.done() {
                Some(Answer::Queues(facts)) => facts.as_slice(),
                Some(Answer::CreateQueue(fact) | Answer::ChangeQueue(fact)) => {
                    std::slice::from_ref(fact)
                }
                _ => &[],
            };
            let ids = facts.iter().map(|fact| (fact.name.as_str(), fact.queue));
            self.queues.extend(ids);
        }
    }
}

impl<'a> Made<'a> {
    /// The answer, if it happened for certain.
    pub(super) fn done(&self) -> Option<&'a Answer> {
        match self.end {
            End::Done { answer, .. } => Some(answer),
            End::Nothing { .. } | End::Unknown { .. } => None,
        }
    }

    /// The line after which nothing more comes of it.
    pub(super) fn ended(&self) -> Position {
        match self.end {
            End::Done { at, .. } | End::Nothing { at } => at,
            End::Unknown { .. } => Position::NEVER,
        }
    }

    /// Whether nobody knows what came of it.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.end, End::Unknown { .. })
    }

    /// Whether something may have come of it.
    pub(super) fn may_have_happened(&self) -> bool {
        !matches!(self.end, End::Nothing { .. })
    }
}

pub(super) fn run_of(job: JobId, attempt: AttemptNumber) -> RunId {
    RunId { job, attempt }
}

/// What a finish's answer says of one item.
pub(super) fn finish_word(answer: &Answer, item: usize) -> Option<FinishWord> {
    match answer {
        Answer::Finish(finished) => finished.get(item).map(|finished| finished.outcome),
        _ => None,
    }
}

fn paired(events: &[Event]) -> Vec<Made<'_>> {
    let mut calls: Vec<Made<'_>> = Vec::new();
    let mut open: BTreeMap<CallNumber, CallIndex> = BTreeMap::new();
    for Event { at, source } in events {
        let Source::Store(event) = source else {
            continue;
        };
        match &event.told {
            Told::Called(call) => {
                open.insert(event.call, calls.len());
                calls.push(Made {
                    call,
                    called: *at,
                    nanos: event.nanos,
                    end: End::Unknown { told: None },
                });
            }
            Told::Done(answer) => {
                if let Some(index) = open.remove(&event.call) {
                    calls[index].end = End::Done { at: *at, answer };
                }
            }
            Told::Failed(failure, _) => {
                if let Some(index) = open.remove(&event.call) {
                    calls[index].end = if failure.may_have_happened() {
                        End::Unknown { told: Some(*at) }
                    } else {
                        End::Nothing { at: *at }
                    };
                }
            }
        }
    }
    calls
}
