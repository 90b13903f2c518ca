//! S8: a scheduled job never starts early; what is due and when a job was acquired are both told by
//! the database's clock.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{CallIndex, Lease, Ledger, finish_word, run_of};
use crate::expectation::Expectation;
use crate::ids::JobId;
use crate::store::{Answer, Call, FinishWord, Then};
use crate::stored::StoredJob;
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// When jobs that were submitted with a due time are due, and by which call.
type Due = BTreeMap<JobId, (i64, CallIndex)>;

pub(super) fn judge(ledger: &Ledger<'_>, expectation: &Expectation, findings: &mut Findings) {
    let due = due_times(ledger);
    let mut of_job: BTreeMap<JobId, Vec<&Lease>> = BTreeMap::new();
    for lease in &ledger.leases {
        of_job.entry(lease.run.job).or_default().push(lease);
        if let Some(&(due, by)) = due.get(&lease.run.job) {
            judge_lease(ledger, lease, due, by, findings);
        }
    }
    for (job, leases) in &mut of_job {
        leases.sort_by_key(|lease| (lease.run.attempt, lease.acquired));
        let stored = expectation.stored_job(*job);
        for pair in leases.windows(2) {
            if let Some((due, by)) = due_after(ledger, pair[0], pair[1], stored) {
                judge_lease(ledger, pair[1], due, by, findings);
            }
        }
    }
    judge_stored(ledger, expectation, &due, findings);
}

fn judge_lease(
    ledger: &Ledger<'_>,
    lease: &Lease,
    due: i64,
    by: CallIndex,
    findings: &mut Findings,
) {
    if lease.claimed >= due {
        return;
    }
    let at = Place::Line(lease.acquired);
    findings.note_proved(at, BreachKind::StartedEarly, || {
        let breach = Breach::StartedEarly {
            run: lease.run,
            early_micros: due - lease.claimed,
        };
        let lines = ledger.lines(by).chain(ledger.lines(lease.call));
        (breach, lines.collect())
    });
}

/// Before when an attempt that follows a retry must not be acquired. The delay counts from the end
/// of the earlier attempt, which is not before it was acquired; the store may know it better.
fn due_after(
    ledger: &Ledger<'_>,
    earlier: &Lease,
    later: &Lease,
    stored: Option<&StoredJob>,
) -> Option<(i64, CallIndex)> {
    let namings = ledger.named.get(&earlier.run.job)?;
    let mut due = None;
    for naming in namings {
        let made = &ledger.calls[naming.call];
        let hurries = matches!(made.call, Call::RetryJob(_) | Call::QueueJob(_));
        let in_time = made.ended() > earlier.acquired && made.called < later.acquired;
        if hurries && made.may_have_happened() && in_time {
            return None; // a person may have asked for it now
        }
        let (Call::Finish(finishes), Some(answer)) = (made.call, made.done()) else {
            continue;
        };
        let finish = &finishes[naming.item];
        let its = run_of(finish.job, finish.attempt) == earlier.run;
        let retried = finish.then == Then::Retry
            && finish_word(answer, naming.item) == Some(FinishWord::Finished);
        if its && retried {
            let attempts = stored.map_or(&[][..], |stored| &stored.attempts);
            let kept = attempts
                .iter()
                .find(|kept| kept.attempt == earlier.run.attempt);
            let ended = kept.and_then(|kept| kept.ended_at).map(|at| at.0);
            let delay = i64::try_from(finish.delay).unwrap_or(i64::MAX);
            let from = ended.unwrap_or(earlier.claimed);
            due = Some((from.saturating_add(delay), naming.call));
        }
    }
    due
}

/// What the store keeps of first attempts that no recorded acquisition shows.
fn judge_stored(
    ledger: &Ledger<'_>,
    expectation: &Expectation,
    due: &Due,
    findings: &mut Findings,
) {
    for (&job, stored) in expectation.stored.iter().flatten() {
        let submitted = due.get(&job).map(|&(due, _)| due);
        let due_at = submitted.or(stored.due_at.map(|at| at.0));
        let first = stored.attempts.first();
        let (Some(due), Some(first)) = (due_at, first) else {
            continue;
        };
        let run = run_of(job, first.attempt);
        let seen = ledger.lease(run, first.token).is_some();
        if seen || first.claimed_at.0 >= due {
            continue;
        }
        findings.note(Place::End, BreachKind::StartedEarly, || {
            Breach::StartedEarly {
                run,
                early_micros: due - first.claimed_at.0,
            }
        });
    }
}

fn due_times(ledger: &Ledger<'_>) -> Due {
    let mut due = Due::new();
    for &index in &ledger.answered {
        let made = &ledger.calls[index];
        let (Call::Submit(jobs), Some(Answer::Submit(answers))) = (made.call, made.done()) else {
            continue;
        };
        for (new, submitted) in jobs.iter().zip(answers) {
            // The same key means the same spec, so that an old job's time is this one.
            if let Some(at) = new.due {
                due.insert(submitted.job, (at, index));
            }
        }
    }
    due
}

/// Whether no job with a due time was ever acquired.
pub(super) fn nothing_scheduled(ledger: &Ledger<'_>) -> Option<Doubt> {
    let due = due_times(ledger);
    let mut leases = ledger.leases.iter();
    let acquired = leases.any(|lease| due.contains_key(&lease.run.job));
    (!acquired).then_some(Doubt::NothingScheduled)
}
