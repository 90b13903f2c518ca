//! What the store says of a job, in the checker's words: for the verdict of the demo, and for those of
//! the tests of whole runs.

use longshore_core::store::JobDetail;
use longshore_history::{JobId, StoredJob};

/// What the checker is told of a job.
pub fn stored(job: &JobDetail) -> (JobId, StoredJob) {
    let state = job.summary.state.as_str();
    let stored = StoredJob {
        state: state.parse().expect("both name the states alike"),
        exit_code: job.summary.exit_code,
        ever_acquired: !job.attempts_made.is_empty(),
    };
    (JobId(job.summary.id.0), stored)
}
