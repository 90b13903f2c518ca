//! What the store says of a job, in the checker's words: for the verdict of the demo, and for those of
//! the tests of whole runs.

use longshore_core::classify::ErrorClass;
use longshore_core::store::{AttemptView, JobDetail};
use longshore_history::store::ErrorClass as Class;
use longshore_history::{AttemptNumber, JobId, Micros, StoredAttempt, StoredJob, Token, WorkerId};

/// What the checker is told of a job.
pub fn stored(job: &JobDetail) -> (JobId, StoredJob) {
    let state = job.summary.state.as_str();
    let stored = StoredJob {
        state: state.parse().expect("both name the states alike"),
        exit_code: job.summary.exit_code,
        ever_acquired: !job.attempts_made.is_empty(),
        attempts: job.attempts_made.iter().map(attempt).collect(),
        due_at: job.spec.scheduled_for.map(|at| Micros(at.as_microsecond())),
        key: job.spec.idempotency_key.clone(),
    };
    (JobId(job.summary.id.0), stored)
}

fn attempt(attempt: &AttemptView) -> StoredAttempt {
    let record = attempt.record.as_ref();
    let error = record.and_then(|record| record.error.as_ref());
    StoredAttempt {
        attempt: AttemptNumber(u32::try_from(attempt.attempt.0).unwrap_or_default()),
        token: Token(attempt.token.0),
        worker: WorkerId(attempt.worker.0),
        claimed_at: Micros(attempt.claimed_at.as_microsecond()),
        ended_at: attempt.ended_at.map(|at| Micros(at.as_microsecond())),
        outcome: record.map(|record| record.outcome.as_str().to_owned()),
        error_class: error.map(|error| match error.class {
            ErrorClass::Transient => Class::Transient,
            ErrorClass::Permanent => Class::Permanent,
            ErrorClass::Unknown => Class::Unknown,
        }),
    }
}
