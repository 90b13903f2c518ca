//! S9: retries are bounded and spaced by the job's policy, permanent errors are not retried, and
//! losses are bounded apart.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{CallIndex, Ledger, Naming, finish_word, run_of};
use crate::event::Position;
use crate::ids::JobId;
use crate::store::{Answer, Call, ErrorClass, Finish, FinishWord, NewJob, Then};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// How often an attempt may be lost to a host or a worker, by the design.
const CRASH_BUDGET: u32 = 3;
/// A delay of the policy is a whole number of microseconds: rounding is no breach.
const ROUNDING_MICROS: u64 = 1;

/// What a job's policy allows.
type Policies<'a> = BTreeMap<JobId, &'a NewJob>;

pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) {
    let policies = policies(ledger);
    for (&job, namings) in &ledger.named {
        let mut spent = Spent::default();
        for (call, finish) in in_order(namings, ledger) {
            let Some(finish) = finish else {
                // A person asked, or may have, and made the budgets whole again.
                spent = Spent::default();
                continue;
            };
            spent.calls.push(call);
            let policy = policies.get(&job).copied();
            match finish.then {
                Then::Retry => {
                    spent.retries += 1;
                    judge_retry(ledger, call, finish, &spent, policy, findings);
                }
                Then::Lost => {
                    spent.losses += 1;
                    judge_loss(ledger, call, job, &spent, findings);
                }
                Then::Completed
                | Then::Failed
                | Then::TimedOut
                | Then::Cancelled
                | Then::HandBack => {}
            }
        }
    }
}

/// What a job has certainly used up since a person last asked.
#[derive(Default)]
struct Spent {
    retries: u32,
    losses: u32,
    calls: Vec<CallIndex>,
}

impl Spent {
    fn lines(&self, ledger: &Ledger<'_>) -> Vec<Position> {
        self.calls
            .iter()
            .flat_map(|&call| ledger.lines(call))
            .collect()
    }
}

/// The finishes that certainly took place, and between them the retries that people may have asked
/// for, as none.
fn in_order<'a>(namings: &[Naming], ledger: &Ledger<'a>) -> Vec<(CallIndex, Option<&'a Finish>)> {
    let mut found = Vec::new();
    for naming in namings {
        let made = &ledger.calls[naming.call];
        match made.call {
            Call::RetryJob(_) if made.may_have_happened() => {
                // Anywhere between its two lines: both are looked at as one.
                found.push((made.called, naming.call, None));
                found.push((made.ended(), naming.call, None));
            }
            Call::Finish(finishes) => {
                let word = made
                    .done()
                    .and_then(|answer| finish_word(answer, naming.item));
                if word == Some(FinishWord::Finished) {
                    found.push((made.ended(), naming.call, Some(&finishes[naming.item])));
                }
            }
            _ => {}
        }
    }
    found.sort_by_key(|&(at, ..)| at);
    found
        .into_iter()
        .map(|(_, call, finish)| (call, finish))
        .collect()
}

fn judge_retry(
    ledger: &Ledger<'_>,
    call: CallIndex,
    finish: &Finish,
    spent: &Spent,
    policy: Option<&NewJob>,
    findings: &mut Findings,
) {
    let at = Place::Line(ledger.calls[call].ended());
    let run = run_of(finish.job, finish.attempt);
    if finish.class == Some(ErrorClass::Permanent) {
        findings.note_proved(at, BreachKind::RetriedPermanent, || {
            (Breach::RetriedPermanent { run }, spent.lines(ledger))
        });
    }
    let Some(policy) = policy else {
        return;
    };
    if spent.retries > policy.retries {
        findings.note_proved(at, BreachKind::RetriedTooOften, || {
            let breach = Breach::RetriedTooOften {
                job: finish.job,
                retries: spent.retries,
                allowed: policy.retries,
            };
            (breach, spent.lines(ledger))
        });
    }
    let (least, most) = bounds(policy, spent.retries);
    let in_bounds = least.saturating_sub(ROUNDING_MICROS)..=most.saturating_add(ROUNDING_MICROS);
    if !in_bounds.contains(&finish.delay) {
        findings.note_proved(at, BreachKind::DelayOutOfBounds, || {
            let breach = Breach::DelayOutOfBounds {
                run,
                delay_micros: finish.delay,
                least_micros: least,
                most_micros: most,
            };
            (breach, spent.lines(ledger))
        });
    }
}

/// Between which delays a retry lies, the first being 1: the upper half of a step that doubles up
/// to its bound. Hence delays grow, but for the last at the bound.
fn bounds(policy: &NewJob, retry: u32) -> (u64, u64) {
    let doublings = retry.saturating_sub(1).min(31);
    let step = policy.base.saturating_mul(1 << doublings).min(policy.most);
    (step / 2, step)
}

fn judge_loss(
    ledger: &Ledger<'_>,
    call: CallIndex,
    job: JobId,
    spent: &Spent,
    findings: &mut Findings,
) {
    if spent.losses <= CRASH_BUDGET {
        return;
    }
    let at = Place::Line(ledger.calls[call].ended());
    findings.note_proved(at, BreachKind::LostTooOften, || {
        let breach = Breach::LostTooOften {
            job,
            losses: spent.losses,
            allowed: CRASH_BUDGET,
        };
        (breach, spent.lines(ledger))
    });
}

fn policies<'a>(ledger: &Ledger<'a>) -> Policies<'a> {
    let mut policies = Policies::new();
    for made in &ledger.calls {
        if let (Call::Submit(jobs), Some(Answer::Submit(answers))) = (made.call, made.done()) {
            let known = jobs.iter().zip(answers);
            policies.extend(known.map(|(new, submitted)| (submitted.job, new)));
        }
    }
    policies
}

/// Whether no attempt was ever followed by a retry.
pub(super) fn nothing_retried(ledger: &Ledger<'_>) -> Option<Doubt> {
    let retried = ledger.calls.iter().any(|made| {
        let (Call::Finish(finishes), Some(answer)) = (made.call, made.done()) else {
            return false;
        };
        finishes.iter().enumerate().any(|(item, finish)| {
            finish.then == Then::Retry && finish_word(answer, item) == Some(FinishWord::Finished)
        })
    });
    (!retried).then_some(Doubt::NothingRetried)
}
