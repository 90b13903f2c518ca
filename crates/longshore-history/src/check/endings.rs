//! What only the end of a history can show: the part of S4 that says "never
//! lost", as far as the witness tells it.
//!
//! A job that the store does not call ended is not judged here: it may still
//! run. That leaves a doubt (see `doubts`), not a violation. What the store's
//! answer shows by itself is judged in `answers`.

use super::findings::Findings;
use super::runs::{Run, Runs};
use crate::expectation::{Expectation, ExpectedRuns};
use crate::ids::JobId;
use crate::stored::{JobState, StoredJob};
use crate::violation::{Breach, Place};

pub(super) fn judge(runs: &Runs, expectation: &Expectation, findings: &mut Findings) {
    let asked = expectation.stored.is_some();
    for (&job, expected) in &expectation.jobs {
        let last = runs.last_of(job);
        let breach = match expectation.stored_job(job) {
            None if asked => None, // a lost job, noted as such
            None => too_few_runs(job, last, None, expected.runs),
            Some(stored) => of_stored(job, last, stored, expected.runs),
        };
        if let Some(breach) = breach {
            findings.note(Place::End, breach.kind(), || breach);
        }
    }
}

fn of_stored(
    job: JobId,
    last: Option<&Run>,
    stored: &StoredJob,
    expected: ExpectedRuns,
) -> Option<Breach> {
    let exit_code = stored.exit_code;
    match (stored.state, last) {
        (JobState::Completed, None) => Some(Breach::CompletedUnseen { job, exit_code }),
        (JobState::Completed, Some(run)) if run.end.is_none() => Some(Breach::EndLost {
            run: run.as_live(),
            exit_code,
        }),
        (JobState::Completed | JobState::Failed | JobState::TimedOut | JobState::Cancelled, _) => {
            too_few_runs(job, last, Some(stored.state), expected)
        }
        (
            JobState::Pending
            | JobState::Queued
            | JobState::Retrying
            | JobState::Launching
            | JobState::Running,
            _,
        ) => None,
    }
}

fn too_few_runs(
    job: JobId,
    last: Option<&Run>,
    state: Option<JobState>,
    expected: ExpectedRuns,
) -> Option<Breach> {
    let at_least = expected.at_least;
    match last.map_or(0, |run| run.nth) {
        runs if runs >= at_least => None,
        0 => Some(Breach::NeverStarted { job, state }),
        runs => Some(Breach::RanTooSeldom {
            job,
            runs,
            at_least,
        }),
    }
}
