//! S5: a worker that lost its lease changes nothing.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{CallIndex, Ledger, Made, finish_word, run_of};
use crate::event::Position;
use crate::ids::{JobId, RunId, Token};
use crate::store::{Answer, Call, FinishWord, LeaseWord};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// The lease that one item of a write showed, and whether the write was accepted.
struct Write {
    run: RunId,
    token: Token,
    accepted: bool,
}

/// A job's tokens as they were answered: the largest so far, with the acquisition or take-over.
type Newest = Vec<(Position, Token, CallIndex)>;

pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) {
    let mut newest: BTreeMap<JobId, Newest> = BTreeMap::new();
    let acquired = ledger.leases.iter();
    let acquired = acquired.map(|lease| (lease.run.job, (lease.acquired, lease.token, lease.call)));
    let taken = ledger.takings.iter().map(|taking| {
        let by = taking.by;
        (taking.run.job, (by.since, by.token, by.call))
    });
    let mut given: Vec<_> = acquired.chain(taken).collect();
    given.sort_by_key(|&(_, (at, token, _))| (at, token));
    for (job, one) in given {
        let of_job = newest.entry(job).or_default();
        if of_job.last().is_none_or(|&(_, before, _)| one.1 > before) {
            of_job.push(one);
        }
    }
    for (index, made) in ledger.calls.iter().enumerate() {
        for write in writes(made).into_iter().filter(|write| write.accepted) {
            let of_job = newest.get(&write.run.job).map_or(&[][..], Vec::as_slice);
            judge_token(ledger, index, &write, of_job, findings);
            judge_end(ledger, index, &write, findings);
        }
    }
}

/// Was a newer token out before the write was even sent?
fn judge_token(
    ledger: &Ledger<'_>,
    index: CallIndex,
    write: &Write,
    newest: &[(Position, Token, CallIndex)],
    findings: &mut Findings,
) {
    let made = &ledger.calls[index];
    let known = newest.partition_point(|&(acquired, ..)| acquired < made.called);
    let Some(&(_, newer, by)) = newest[..known].last() else {
        return;
    };
    if newer <= write.token {
        return;
    }
    let at = Place::Line(made.ended());
    findings.note_proved(at, BreachKind::StaleWrite, || {
        let breach = Breach::StaleWrite {
            run: write.run,
            verb: made.call.verb(),
            token: write.token,
            newer,
        };
        let lines = ledger.lines(by).chain(ledger.lines(index));
        (breach, lines.collect())
    });
}

/// Had its lease certainly ended before the write was even sent?
fn judge_end(ledger: &Ledger<'_>, index: CallIndex, write: &Write, findings: &mut Findings) {
    let made = &ledger.calls[index];
    let lease = ledger.lease(write.run, write.token);
    let Some(ended) = lease.and_then(|lease| lease.ended) else {
        return;
    };
    if ended >= made.called {
        return;
    }
    let at = Place::Line(made.ended());
    findings.note_proved(at, BreachKind::WriteAfterEnd, || {
        let breach = Breach::WriteAfterEnd {
            run: write.run,
            verb: made.call.verb(),
            ended,
        };
        let by = ledger.calls.iter().position(|made| made.ended() == ended);
        let lines = by.into_iter().flat_map(|by| ledger.lines(by));
        (breach, lines.chain(ledger.lines(index)).collect())
    });
}

/// Whether no write was ever refused because its lease was another's.
pub(super) fn no_stale_write_refused(ledger: &Ledger<'_>) -> Option<Doubt> {
    let refused = ledger
        .calls
        .iter()
        .any(|made| writes(made).iter().any(|write| !write.accepted));
    (!refused).then_some(Doubt::NoStaleWriteRefused)
}

/// The writes of an answered call that were accepted, or refused for their lease.
fn writes(made: &Made<'_>) -> Vec<Write> {
    let one = |lease: &crate::store::LeaseRef, accepted| Write {
        run: run_of(lease.job, lease.attempt),
        token: lease.token,
        accepted,
    };
    let standing = |word: LeaseWord| word.is_accepted();
    match (made.call, made.done()) {
        (Call::MarkLaunched(lease), Some(Answer::MarkLaunched(fenced))) => {
            use crate::store::FenceWord as F;
            match fenced.outcome {
                F::Stored | F::CancelRequested => vec![one(lease, true)],
                F::Lost => vec![one(lease, false)],
                F::HostDisabled | F::HostFull => Vec::new(),
            }
        }
        (Call::NoteLaunch(lease), Some(Answer::NoteLaunch(answer)))
        | (Call::MarkRunning(lease), Some(Answer::MarkRunning(answer))) => {
            vec![one(lease, standing(answer.status))]
        }
        (Call::AppendOutput(leases), Some(Answer::AppendOutput(answers))) => leases
            .iter()
            .zip(answers)
            .map(|(lease, answer)| one(lease, standing(answer.status)))
            .collect(),
        (Call::Finish(finishes), Some(answer)) => {
            let of_item = |(item, finish): (usize, &crate::store::Finish)| {
                let accepted = match finish_word(answer, item)? {
                    FinishWord::Finished | FinishWord::Cancelled => true,
                    FinishWord::LeaseLost => false,
                    // Nothing was written, for another reason.
                    FinishWord::AlreadyFinished | FinishWord::Illegal => return None,
                };
                Some(Write {
                    run: run_of(finish.job, finish.attempt),
                    token: finish.token,
                    accepted,
                })
            };
            finishes.iter().enumerate().filter_map(of_item).collect()
        }
        _ => Vec::new(),
    }
}
