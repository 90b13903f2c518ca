//! S1, by the store's answers: an attempt is acquired once, and the tokens of a job rise.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::ledger::{Lease, Ledger};
use crate::event::Position;
use crate::ids::{JobId, QueueId, RunId, WorkerId};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

pub(super) fn judge(ledger: &Ledger<'_>, findings: &mut Findings) {
    let mut first: BTreeMap<RunId, &Lease> = BTreeMap::new();
    let mut of_job: BTreeMap<JobId, Vec<&Lease>> = BTreeMap::new();
    for lease in &ledger.leases {
        of_job.entry(lease.run.job).or_default().push(lease);
        if let Some(&earlier) = first.get(&lease.run) {
            let at = Place::Line(lease.acquired);
            findings.note_proved(at, BreachKind::AcquiredTwice, || {
                let breach = Breach::AcquiredTwice {
                    run: lease.run,
                    workers: [earlier.worker, lease.worker],
                    first: earlier.acquired,
                };
                (breach, both(ledger, earlier, lease))
            });
        } else {
            first.insert(lease.run, lease);
        }
    }
    for leases in of_job.values() {
        judge_tokens(ledger, leases, findings);
    }
}

/// Attempts count every acquisition, so that their order is that of the acquisitions, whatever
/// overlapped.
fn judge_tokens(ledger: &Ledger<'_>, leases: &[&Lease], findings: &mut Findings) {
    let mut in_order = leases.to_vec();
    in_order.sort_by_key(|lease| (lease.run.attempt, lease.acquired));
    let by_attempt = in_order.windows(2).map(|pair| (pair[0], pair[1]));
    // What followed for certain must have more of both, whatever its number says.
    let by_time = leases.windows(2).map(|pair| (pair[0], pair[1]));
    let by_time = by_time.filter(|(earlier, later)| {
        let follows = earlier.acquired < ledger.calls[later.call].called;
        follows && later.run.attempt < earlier.run.attempt
    });
    for (earlier, later) in by_attempt.chain(by_time) {
        if later.token > earlier.token {
            continue;
        }
        let at = Place::Line(later.acquired.max(earlier.acquired));
        findings.note_proved(at, BreachKind::TokenNotRising, || {
            let breach = Breach::TokenNotRising {
                run: later.run,
                token: later.token,
                before: earlier.token,
            };
            (breach, both(ledger, earlier, later))
        });
    }
}

fn both(ledger: &Ledger<'_>, earlier: &Lease, later: &Lease) -> Vec<Position> {
    let lines = ledger.lines(earlier.call);
    lines.chain(ledger.lines(later.call)).collect()
}

/// Whether two workers got work, and asked a queue at one time.
pub(super) fn never_contended(ledger: &Ledger<'_>) -> Option<Doubt> {
    let mut workers: Vec<WorkerId> = ledger.leases.iter().map(|lease| lease.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    let overlapped = has_overlap(ledger);
    (workers.len() < 2 || !overlapped).then_some(Doubt::NeverContended {
        workers: workers.len(),
        overlapped,
    })
}

fn has_overlap(ledger: &Ledger<'_>) -> bool {
    // The call of each queue that ends last so far, by its end, and whose it was.
    let mut last: BTreeMap<QueueId, (Position, WorkerId)> = BTreeMap::new();
    let mut asked: Vec<_> = ledger.acquisitions().collect();
    asked.sort_by_key(|(call, ..)| ledger.calls[*call].called);
    asked.iter().any(|(call, asked, _)| {
        let made = &ledger.calls[*call];
        let now = (made.ended(), asked.worker);
        let before = last.get(&asked.queue).copied();
        if before.is_none_or(|before| now > before) {
            last.insert(asked.queue, now);
        }
        before.is_some_and(|(end, worker)| made.called < end && worker != asked.worker)
    })
}
