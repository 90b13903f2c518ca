//! Why a history without a violation may still prove nothing.
//!
//! A check that cannot fail is a defect: a worker that claims nothing breaks no
//! promise. Hence what was not put to the test is a doubt, never a pass.

use super::arrows::{self, Replay};
use super::ledger::Ledger;
use super::runs::Runs;
use super::{acquired, drains, due, leases, once, order, rest, retries, stale, taken};
use crate::expectation::Expectation;
use crate::ids::JobId;
use crate::stored::JobState;
use crate::verdict::{Doubt, LimitUse};
use crate::witness::Witness;

/// What the passes saw that makes a history more than an empty one.
pub(super) struct Seen<'a> {
    pub(super) runs: &'a Runs,
    pub(super) ledger: &'a Ledger<'a>,
    pub(super) replay: &'a Replay,
    pub(super) limits: &'a [LimitUse],
    /// Whether a job certainly waited while another was taken.
    pub(super) somebody_waited: bool,
}

/// The first doubt of a history in which no violation was found.
pub(super) fn of_clean_history(
    witness: &Witness,
    seen: &Seen<'_>,
    expectation: &Expectation,
) -> Option<Doubt> {
    nothing_recorded(witness, expectation)
        .or_else(|| not_settled(expectation))
        .or_else(|| end_unseen(seen.runs, expectation))
        .or_else(|| limit_not_reached(expectation, seen.limits))
        .or_else(|| not_exercised(seen, expectation))
}

/// The first thing that the run was to exercise and did not.
fn not_exercised(seen: &Seen<'_>, expectation: &Expectation) -> Option<Doubt> {
    let (must, ledger) = (&expectation.must, seen.ledger);
    let asked = |asked: bool| asked.then_some(ledger);
    asked(must.contention)
        .and_then(acquired::never_contended)
        .or_else(|| asked(must.take_overs).and_then(taken::nothing_taken_over))
        .or_else(|| asked(must.limit_changes).and_then(leases::limit_not_changed))
        .or_else(|| asked(must.lost_replies).and_then(once::no_reply_lost))
        .or_else(|| asked(must.stale_writes).and_then(stale::no_stale_write_refused))
        .or_else(|| arrows::unseen(seen.replay, expectation))
        .or_else(|| {
            let waited = seen.somebody_waited;
            asked(must.waiting_lines).and_then(|_| order::nothing_to_overtake(waited))
        })
        .or_else(|| asked(must.schedules).and_then(due::nothing_scheduled))
        .or_else(|| asked(must.retries).and_then(retries::nothing_retried))
        .or_else(|| asked(must.drains).and_then(drains::nothing_ran_at_drain))
        .or_else(|| asked(must.rest).and_then(rest::no_snapshot_at_rest))
}

/// Where only the store was recorded, nobody expects the jobs to have written.
fn nothing_recorded(witness: &Witness, expectation: &Expectation) -> Option<Doubt> {
    let stored = expectation.stored.iter().flat_map(|stored| stored.values());
    let only_the_store = witness.has_store_events() && expectation.jobs.is_empty();
    (witness.is_empty() && !only_the_store).then(|| Doubt::NothingRecorded {
        jobs: expectation.jobs.len(),
        completed: stored
            .filter(|stored| stored.state == JobState::Completed)
            .count(),
    })
}

fn not_settled(expectation: &Expectation) -> Option<Doubt> {
    let mut unsettled = expectation.jobs.keys().filter_map(|&job| {
        let state = expectation.stored_job(job)?.state;
        (!state.is_terminal()).then_some((job, state))
    });
    let (job, state): (JobId, JobState) = unsettled.next()?;
    Some(Doubt::NotSettled {
        job,
        state,
        others: unsettled.count(),
    })
}

/// Where the store says how a job ended, it may have been killed; `endings`
/// judges those. Without the store nobody says so of a job's last run; an
/// earlier one is explained by the run that came after it.
fn end_unseen(runs: &Runs, expectation: &Expectation) -> Option<Doubt> {
    if expectation.stored.is_some() {
        return None;
    }
    let last_runs = expectation.jobs.keys().filter_map(|&job| runs.last_of(job));
    let mut endless = last_runs.filter(|run| run.end.is_none());
    Some(Doubt::EndUnseen {
        run: endless.next()?.as_live(),
        others: endless.count(),
    })
}

fn limit_not_reached(expectation: &Expectation, limits: &[LimitUse]) -> Option<Doubt> {
    expectation
        .limits
        .iter()
        .zip(limits)
        .find(|(limit, used)| limit.must_reach && !used.is_reached())
        .map(|(_, used)| Doubt::LimitNotReached {
            limit: used.clone(),
        })
}
