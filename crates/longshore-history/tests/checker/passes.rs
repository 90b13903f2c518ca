//! Histories in which every promise held.

use longshore_history::{
    Expectation, ExpectedEnd, ExpectedRuns, JobId, JobState, Limit, StoredJob,
};

use crate::support::{assert_passed, completed, completed_with_runs, jobs, limit, stored, witness};

#[test]
fn jobs_that_keep_to_their_limit_pass() {
    assert_passed(
        &witness(&[
            "START 1 1",
            "START 2 1",
            "END 2 1",
            "START 3 1",
            "END 1 1",
            "END 3 1",
        ]),
        &completed([1, 2, 3]).with_limit(Limit {
            must_reach: true,
            ..limit(2, [1, 2, 3])
        }),
        "verdict: PASSED: 3 jobs, each ran exactly once; \
         limit 2 reached, never exceeded (max live 2)",
    );
}

#[test]
fn one_job_without_a_limit_passes() {
    assert_passed(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1]),
        "verdict: PASSED: 1 job, ran exactly once",
    );
}

#[test]
fn the_witness_alone_is_enough_where_every_job_ended() {
    assert_passed(
        &witness(&["START 1 1", "START 2 1", "END 2 1", "END 1 1"]),
        &Expectation::each_once(jobs([1, 2])),
        "verdict: PASSED: 2 jobs, each ran exactly once",
    );
}

#[test]
fn a_limit_that_need_not_be_reached_passes_unreached() {
    assert_passed(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1]).with_limit(limit(5, [1])),
        "verdict: PASSED: 1 job, ran exactly once; \
         limit 5 not reached, never exceeded (max live 1)",
    );
}

#[test]
fn a_job_retried_after_its_attempt_ended_passes() {
    assert_passed(
        &witness(&["START 1 1", "END 1 1", "START 1 2", "END 1 2"]),
        &completed_with_runs([1], 1, 1, 3),
        "verdict: PASSED: 1 job, 2 runs, each job as often as expected",
    );
}

#[test]
fn a_killed_attempt_without_an_end_holds_neither_its_job_nor_its_limit() {
    assert_passed(
        &witness(&["START 1 1", "START 2 1", "END 2 1", "START 1 2", "END 1 2"]),
        &completed_with_runs([1, 2], 1, 1, 2).with_limit(limit(2, [1, 2])),
        "verdict: PASSED: 2 jobs, 3 runs, each job as often as expected; \
         limit 2 not reached, never exceeded (max live 1)",
    );
}

#[test]
fn a_job_that_was_killed_for_its_time_needs_no_end() {
    assert_passed(
        &witness(&["START 1 1", "START 2 1", "END 2 1"]),
        &completed([1, 2])
            .with_job(JobId(1), ExpectedRuns::ONCE, ExpectedEnd::Any)
            .with_stored(stored(1, JobState::TimedOut, None)),
        "verdict: PASSED: 2 jobs, each ran exactly once",
    );
}

#[test]
fn a_job_that_fails_as_expected_passes() {
    assert_passed(
        &witness(&["START 1 1", "END 1 1", "START 1 2", "END 1 2"]),
        &completed([1])
            .with_job(JobId(1), ExpectedRuns::exactly(2), ExpectedEnd::Any)
            .with_stored(stored(1, JobState::Failed, Some(1))),
        "verdict: PASSED: 1 job, 2 runs, each job as often as expected",
    );
}

#[test]
fn a_job_cancelled_in_its_queue_passes_without_a_run() {
    let cancelled = StoredJob {
        state: JobState::Cancelled,
        exit_code: None,
        ever_acquired: false,
        ..StoredJob::COMPLETED
    };
    assert_passed(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1, 2])
            .with_job(JobId(2), ExpectedRuns::exactly(0), ExpectedEnd::Any)
            .with_stored([(JobId(2), cancelled)]),
        "verdict: PASSED: 2 jobs, 1 run, each job as often as expected",
    );
}

#[test]
fn a_stored_job_that_this_run_did_not_submit_is_not_judged() {
    assert_passed(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1]).with_stored(stored(50, JobState::Queued, None)),
        "verdict: PASSED: 1 job, ran exactly once",
    );
}
