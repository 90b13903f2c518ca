//! S1, by take-overs: each from one holder, under a token that rises, and never from the living.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::holders::Taking;
use super::ledger::{CallIndex, Ledger};
use crate::event::Position;
use crate::ids::{JobId, RunId, Token, WorkerId};
use crate::store::{Answer, Call, HeartbeatWord};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) {
    judge_twice(ledger, findings);
    judge_tokens(ledger, findings);
    judge_living(ledger, findings);
}

/// From one token a lease moves once.
fn judge_twice(ledger: &Ledger<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<(RunId, Token), &Taking> = BTreeMap::new();
    for taking in &ledger.takings {
        let Some(earlier) = first.insert((taking.run, taking.last), taking) else {
            continue;
        };
        let at = Place::Line(taking.by.since);
        findings.note_proved(at, BreachKind::AcquiredTwice, || {
            let breach = Breach::AcquiredTwice {
                run: taking.run,
                workers: [earlier.by.worker, taking.by.worker],
                first: earlier.by.since,
            };
            (breach, both(ledger, earlier.by.call, taking.by.call))
        });
    }
}

/// A token of a job, as it was given.
#[derive(Clone, Copy)]
struct Given {
    run: RunId,
    token: Token,
    call: CallIndex,
    called: Position,
    since: Position,
    /// The token that it replaced.
    last: Option<Token>,
}

/// The tokens of a job rise: over each take-over, from what was given before it for certain, and from
/// attempt to attempt. Acquisitions among themselves are judged with them.
fn judge_tokens(ledger: &Ledger<'_>, findings: &mut Findings) {
    let takings = ledger.takings_by_job();
    let mut of_job: BTreeMap<JobId, Vec<Given>> = BTreeMap::new();
    for lease in &ledger.leases {
        let job = lease.run.job;
        if takings.contains_key(&job) {
            of_job.entry(job).or_default().push(Given {
                run: lease.run,
                token: lease.token,
                call: lease.call,
                called: ledger.calls[lease.call].called,
                since: lease.acquired,
                last: None,
            });
        }
    }
    for (job, takings) in takings {
        let taken = takings.into_iter().map(|taking| Given {
            run: taking.run,
            token: taking.by.token,
            call: taking.by.call,
            called: taking.by.called,
            since: taking.by.since,
            last: Some(taking.last),
        });
        of_job.entry(job).or_default().extend(taken);
    }
    for given in of_job.values_mut() {
        given.sort_by_key(|given| given.since);
        judge_job(ledger, given, findings);
    }
}

fn judge_job(ledger: &Ledger<'_>, given: &[Given], findings: &mut Findings) {
    // The largest token so far, by the lines of the answers.
    let mut newest: Vec<&Given> = Vec::new();
    for one in given {
        if newest.last().is_none_or(|before| one.token > before.token) {
            newest.push(one);
        }
    }
    let mut by_attempt: Vec<&Given> = given.iter().collect();
    by_attempt.sort_by_key(|given| (given.run.attempt, given.since));
    let mut of_earlier: Option<&Given> = None;
    let mut of_this: Option<&Given> = None;
    for one in by_attempt {
        if let Some(last) = of_this.filter(|last| last.run.attempt < one.run.attempt) {
            of_earlier = Some(larger(of_earlier, last));
            of_this = None;
        }
        of_this = Some(larger(of_this, one));
        let known = newest.partition_point(|newer| newer.since < one.called);
        let before = newest[..known].last().copied();
        let larger = [of_earlier, before].into_iter().flatten();
        let larger = larger.filter(|earlier| earlier.token >= one.token);
        // Two acquisitions are judged where all of them are.
        let beyond = larger.filter(|earlier| one.last.is_some() || earlier.last.is_some());
        let beyond = beyond.max_by_key(|earlier| earlier.token);
        let before = beyond.map(|earlier| earlier.token);
        let before = before.or(one.last.filter(|last| *last >= one.token));
        let Some(before) = before else { continue };
        let earlier = beyond.map_or(one.call, |earlier| earlier.call);
        let at = Place::Line(one.since.max(ledger.calls[earlier].ended()));
        findings.note_proved(at, BreachKind::TokenNotRising, || {
            let breach = Breach::TokenNotRising {
                run: one.run,
                token: one.token,
                before,
            };
            (breach, both(ledger, earlier, one.call))
        });
    }
}

fn larger<'g>(one: Option<&'g Given>, other: &'g Given) -> &'g Given {
    match one {
        Some(one) if one.token >= other.token => one,
        Some(_) | None => other,
    }
}

/// A worker whose lease went to another was fenced, unless it had said goodbye: no heartbeat that it
/// sends afterwards says that it lives.
fn judge_living(ledger: &Ledger<'_>, findings: &mut Findings) {
    // The first from each worker; its own, told once more, are none.
    let mut taken: BTreeMap<WorkerId, &Taking> = BTreeMap::new();
    let from_others = ledger.takings.iter();
    for taking in from_others.filter(|taking| taking.from != taking.by.worker) {
        taken.entry(taking.from).or_insert(taking);
    }
    if taken.is_empty() {
        return;
    }
    for made in ledger.calls.iter().filter(|made| made.may_have_happened()) {
        if let Call::StopWorker(asked) = made.call {
            taken.retain(|worker, taking| *worker != asked.worker || made.called > taking.by.since);
        }
    }
    for (index, made) in ledger.calls.iter().enumerate() {
        let (Call::Heartbeat(asked), Some(Answer::Heartbeat(beat))) = (made.call, made.done())
        else {
            continue;
        };
        let lives = match beat.outcome {
            HeartbeatWord::Alive | HeartbeatWord::Draining => true,
            HeartbeatWord::Fenced => false,
        };
        let Some(taking) = taken.get(&asked.worker) else {
            continue;
        };
        if !lives || made.called < taking.by.since {
            continue;
        }
        let at = Place::Line(made.ended());
        findings.note_proved(at, BreachKind::TakenFromTheLiving, || {
            let breach = Breach::TakenFromTheLiving {
                run: taking.run,
                worker: asked.worker,
                by: taking.by.worker,
                taken: taking.by.since,
            };
            (breach, both(ledger, taking.by.call, index))
        });
    }
}

fn both(ledger: &Ledger<'_>, earlier: CallIndex, later: CallIndex) -> Vec<Position> {
    ledger.lines(earlier).chain(ledger.lines(later)).collect()
}

/// Whether nobody took over a live attempt of another.
pub(super) fn nothing_taken_over(ledger: &Ledger<'_>) -> Option<Doubt> {
    let mut takings = ledger.takings.iter();
    let taken = takings.any(|taking| taking.from != taking.by.worker);
    (!taken).then_some(Doubt::NothingTakenOver)
}
