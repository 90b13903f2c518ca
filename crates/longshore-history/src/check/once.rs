//! S4, by the store's answers: one key leads to one job, a job ends once, and what was
//! acknowledged is there.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::ledger::{CallIndex, Ledger, Made, finish_word};
use crate::event::Position;
use crate::expectation::Expectation;
use crate::ids::JobId;
use crate::store::{Answer, Call, CancelWord, FinishWord, Then};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

pub(super) fn judge(ledger: &Ledger<'_>, expectation: &Expectation, findings: &mut Findings) {
    judge_keys(ledger, findings);
    judge_ends(ledger, findings);
    judge_acknowledged(ledger, expectation, findings);
}

/// A key may lead to another job only once the first may have been pruned.
fn judge_keys(ledger: &Ledger<'_>, findings: &mut Findings) {
    let first_prune = first_prune(ledger);
    let mut first: BTreeMap<&str, (JobId, CallIndex)> = BTreeMap::new();
    for &index in &ledger.answered {
        let made = &ledger.calls[index];
        let (Call::Submit(asked), Some(Answer::Submit(answers))) = (made.call, made.done()) else {
            continue;
        };
        for (new, submitted) in asked.iter().zip(answers) {
            let Some(key) = &new.key else {
                continue;
            };
            let &mut (job, call) = first.entry(key).or_insert((submitted.job, index));
            if job == submitted.job || first_prune < made.ended() {
                continue;
            }
            let at = Place::Line(made.ended());
            findings.note_proved(at, BreachKind::TwoJobsOneKey, || {
                let breach = Breach::TwoJobsOneKey {
                    key: key.clone(),
                    jobs: [job, submitted.job],
                };
                let lines = ledger.lines(call).chain(ledger.lines(index));
                (breach, lines.collect())
            });
        }
    }
}

/// A second end needs a person's retry that may have come between the two.
fn judge_ends(ledger: &Ledger<'_>, findings: &mut Findings) {
    for (&job, namings) in &ledger.named {
        let mut ends: Vec<CallIndex> = Vec::new();
        let mut retries: Vec<&Made<'_>> = Vec::new();
        for naming in namings {
            let made = &ledger.calls[naming.call];
            if matches!(made.call, Call::RetryJob(_)) && made.may_have_happened() {
                retries.push(made);
            } else if settles(made, naming.item) {
                ends.push(naming.call);
            }
        }
        ends.sort_by_key(|&call| ledger.calls[call].ended());
        for pair in ends.windows(2) {
            let (earlier, later) = (&ledger.calls[pair[0]], &ledger.calls[pair[1]]);
            let between =
                |retry: &&Made<'_>| retry.called < later.ended() && retry.ended() > earlier.called;
            if retries.iter().any(between) {
                continue;
            }
            let at = Place::Line(later.ended());
            findings.note_proved(at, BreachKind::SettledTwice, || {
                let breach = Breach::SettledTwice {
                    job,
                    first: earlier.ended(),
                };
                let lines = ledger.lines(pair[0]).chain(ledger.lines(pair[1]));
                (breach, lines.collect())
            });
        }
    }
}

/// Whether a call has certainly ended the job that this item names.
fn settles(made: &Made<'_>, item: usize) -> bool {
    let Some(answer) = made.done() else {
        return false;
    };
    match (made.call, answer) {
        (Call::Finish(finishes), _) => match finish_word(answer, item) {
            Some(FinishWord::Cancelled) => true,
            Some(FinishWord::Finished) => match finishes[item].then {
                Then::Completed | Then::Failed | Then::TimedOut | Then::Cancelled => true,
                Then::Retry | Then::HandBack | Then::Lost => false,
            },
            Some(FinishWord::AlreadyFinished | FinishWord::LeaseLost | FinishWord::Illegal)
            | None => false,
        },
        (_, Answer::RequestCancel(cancel)) => cancel.outcome == CancelWord::Cancelled,
        (_, Answer::ExpireWaiting(_)) => true,
        _ => false,
    }
}

/// Jobs that the expectation names are looked for with the store's other answers.
fn judge_acknowledged(ledger: &Ledger<'_>, expectation: &Expectation, findings: &mut Findings) {
    let Some(stored) = &expectation.stored else {
        return;
    };
    if first_prune(ledger) < Position::NEVER {
        return; // it may have been old enough
    }
    let mut missing: BTreeSet<JobId> = BTreeSet::new();
    for made in &ledger.calls {
        if let Some(Answer::Submit(answers)) = made.done() {
            let jobs = answers.iter().map(|submitted| submitted.job);
            missing.extend(
                jobs.filter(|job| !stored.contains_key(job) && !expectation.jobs.contains_key(job)),
            );
        }
    }
    for job in missing {
        findings.note_proved(Place::End, BreachKind::MissingFromStore, || {
            let namings = ledger.named.get(&job).into_iter().flatten();
            let lines = namings.flat_map(|naming| ledger.lines(naming.call));
            (Breach::MissingFromStore { job }, lines.collect())
        });
    }
}

fn first_prune(ledger: &Ledger<'_>) -> Position {
    let prunes = ledger.calls.iter().filter(|made| {
        matches!(made.call, Call::Prune(_))
            && !matches!(made.done(), Some(Answer::Prune(pruned)) if pruned.count == 0)
            && made.may_have_happened()
    });
    prunes
        .map(|made| made.called)
        .min()
        .unwrap_or(Position::NEVER)
}

/// Whether the reply to a keyed submission was lost, and the key was asked for again.
pub(super) fn no_reply_lost(ledger: &Ledger<'_>) -> Option<Doubt> {
    let mut lost: BTreeSet<&str> = BTreeSet::new();
    for made in &ledger.calls {
        let keys = keys_of(made);
        if made.done().is_some() && keys.iter().any(|key| lost.contains(key)) {
            return None;
        }
        if made.is_unknown() {
            lost.extend(keys);
        }
    }
    Some(Doubt::NoReplyLost)
}

fn keys_of<'a>(made: &Made<'a>) -> Vec<&'a str> {
    match made.call {
        Call::Submit(jobs) => jobs.iter().filter_map(|job| job.key.as_deref()).collect(),
        _ => Vec::new(),
    }
}
