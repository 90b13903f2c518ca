//! What the store's answers show by themselves, whatever the witness holds: an
//! acknowledged job that it does not know, or that it calls ended otherwise
//! than expected.
//!
//! The only pass of the end that judges an empty witness too. Hence it must
//! never look at the runs: of an empty witness nobody knows whether nothing ran
//! or nothing could be written.

use super::findings::Findings;
use crate::expectation::{Expectation, ExpectedEnd};
use crate::ids::JobId;
use crate::stored::{JobState, StoredJob};
use crate::violation::{Breach, Place};

pub(super) fn judge(expectation: &Expectation, findings: &mut Findings) {
    let Some(answers) = &expectation.stored else {
        return;
    };
    for (&job, expected) in &expectation.jobs {
        let breach = match (answers.get(&job), expected.end) {
            (None, _) => Some(Breach::MissingFromStore { job }),
            (Some(stored), ExpectedEnd::Completed) => not_completed(job, stored),
            (Some(_), ExpectedEnd::Any) => None,
        };
        if let Some(breach) = breach {
            findings.note(Place::End, breach.kind(), || breach);
        }
    }
}

fn not_completed(job: JobId, stored: &StoredJob) -> Option<Breach> {
    match stored.state {
        JobState::Failed | JobState::TimedOut | JobState::Cancelled => Some(Breach::NotCompleted {
            job,
            state: stored.state,
            exit_code: stored.exit_code,
        }),
        // All but the first may still complete: a doubt, not a violation.
        JobState::Completed
        | JobState::Pending
        | JobState::Queued
        | JobState::Retrying
        | JobState::Launching
        | JobState::Running => None,
    }
}
