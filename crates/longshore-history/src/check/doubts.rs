//! Why a history without a violation may still prove nothing.
//!
//! A check that cannot fail is a defect: a worker that claims nothing breaks no
//! promise. Hence what was not put to the test is a doubt, never a pass.

use super::runs::Runs;
use crate::expectation::Expectation;
use crate::ids::JobId;
use crate::stored::JobState;
use crate::verdict::{Doubt, LimitUse};
use crate::witness::Witness;

/// The first doubt of a history in which no violation was found.
pub(super) fn of_clean_history(
    witness: &Witness,
    runs: &Runs,
    expectation: &Expectation,
    limits: &[LimitUse],
) -> Option<Doubt> {
    nothing_recorded(witness, expectation)
        .or_else(|| not_settled(expectation))
        .or_else(|| end_unseen(runs, expectation))
        .or_else(|| limit_not_reached(expectation, limits))
}

fn nothing_recorded(witness: &Witness, expectation: &Expectation) -> Option<Doubt> {
    let stored = expectation.stored.iter().flat_map(|stored| stored.values());
    witness.is_empty().then(|| Doubt::NothingRecorded {
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
