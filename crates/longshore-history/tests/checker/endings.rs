//! What only the end of a history shows: lost jobs and lost ends.

use longshore_history::{
    Breach, Expectation, ExpectedEnd, ExpectedRuns, JobId, JobState, Place, Promise, StoredJob,
    Witness, check,
};

use crate::support::{
    assert_violated, completed, completed_with_runs, jobs, live, stored, witness,
};

const AT_END: (Promise, Place) = (Promise::S4, Place::End);

#[test]
fn an_acknowledged_job_must_be_known_to_the_store() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1"]),
        &Expectation::each_once(jobs([1, 2])).with_stored([(JobId(1), StoredJob::COMPLETED)]),
        AT_END,
        Breach::MissingFromStore { job: JobId(2) },
        &[],
    );
}

#[test]
fn an_acknowledged_job_must_be_known_to_the_store_even_if_nothing_was_recorded() {
    assert_violated(
        &Witness::default(),
        &Expectation::each_once(jobs([1, 2])).with_stored([(JobId(1), StoredJob::COMPLETED)]),
        AT_END,
        Breach::MissingFromStore { job: JobId(2) },
        &[],
    );
}

#[test]
fn a_failed_job_did_not_complete_even_if_nothing_was_recorded() {
    assert_violated(
        &Witness::default(),
        &completed([1, 2]).with_stored(stored(2, JobState::Failed, None)),
        AT_END,
        Breach::NotCompleted {
            job: JobId(2),
            state: JobState::Failed,
            exit_code: None,
        },
        &[],
    );
}

#[test]
fn a_job_that_ran_must_be_known_to_the_store_too() {
    assert_violated(
        &witness(&["START 1 1", "START 2 1", "END 2 1", "END 1 1"]),
        &Expectation::each_once(jobs([1, 2])).with_stored([(JobId(1), StoredJob::COMPLETED)]),
        AT_END,
        Breach::MissingFromStore { job: JobId(2) },
        &[2, 3],
    );
}

#[test]
fn a_completed_job_must_have_been_seen() {
    let history = witness(&["START 1 1", "END 1 1"]);
    let expectation = completed([1, 2]);
    assert_violated(
        &history,
        &expectation,
        AT_END,
        Breach::CompletedUnseen {
            job: JobId(2),
            exit_code: Some(0),
        },
        &[],
    );
    assert_eq!(
        check(&history, &expectation).to_string(),
        "verdict: VIOLATED S4: the store says that job 2 completed (exit code 0), \
         but the witness never saw it start"
    );
}

#[test]
fn a_completed_job_must_have_been_seen_even_if_it_need_not_run() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1"]),
        &completed_with_runs([1, 2], 2, 0, 1),
        AT_END,
        Breach::CompletedUnseen {
            job: JobId(2),
            exit_code: Some(0),
        },
        &[],
    );
}

#[test]
fn a_job_that_the_store_calls_failed_must_have_started() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1, 2]).with_stored(stored(2, JobState::Failed, None)),
        AT_END,
        Breach::NeverStarted {
            job: JobId(2),
            state: Some(JobState::Failed),
        },
        &[],
    );
}

#[test]
fn a_job_must_have_started_where_the_store_was_not_asked() {
    let history = witness(&["START 1 1", "END 1 1", "START 3 1", "END 3 1"]);
    let expectation = Expectation::each_once(jobs([1, 2, 3]));
    assert_violated(
        &history,
        &expectation,
        AT_END,
        Breach::NeverStarted {
            job: JobId(2),
            state: None,
        },
        &[],
    );
    assert_eq!(
        check(&history, &expectation).to_string(),
        "verdict: VIOLATED S4: job 2 never started"
    );
}

#[test]
fn a_job_must_run_as_often_as_expected() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 2 1", "END 2 1"]),
        &completed([1, 2]).with_job(JobId(2), ExpectedRuns::exactly(3), ExpectedEnd::Completed),
        AT_END,
        Breach::RanTooSeldom {
            job: JobId(2),
            runs: 1,
            at_least: 3,
        },
        &[3, 4],
    );
}

#[test]
fn a_failed_job_must_have_used_its_expected_retries() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 1 2", "END 1 2"]),
        &completed([1])
            .with_job(JobId(1), ExpectedRuns::exactly(4), ExpectedEnd::Any)
            .with_stored(stored(1, JobState::Failed, Some(1))),
        AT_END,
        Breach::RanTooSeldom {
            job: JobId(1),
            runs: 2,
            at_least: 4,
        },
        &[1, 2, 3, 4],
    );
}

#[test]
fn a_job_that_ran_to_its_end_and_failed_did_not_complete() {
    let history = witness(&["START 1 1", "START 2 1", "END 1 1", "END 2 1"]);
    let expectation = completed([1, 2]).with_stored(stored(2, JobState::Failed, Some(1)));
    assert_violated(
        &history,
        &expectation,
        AT_END,
        Breach::NotCompleted {
            job: JobId(2),
            state: JobState::Failed,
            exit_code: Some(1),
        },
        &[2, 4],
    );
    assert_eq!(
        check(&history, &expectation).to_string(),
        "verdict: VIOLATED S4: job 2 should have completed, \
         but the store says failed (exit code 1)"
    );
}

#[test]
fn a_job_whose_end_was_lost_with_its_success_did_not_complete() {
    assert_violated(
        &witness(&["START 1 1"]),
        &completed([1]).with_stored(stored(1, JobState::Failed, Some(2))),
        AT_END,
        Breach::NotCompleted {
            job: JobId(1),
            state: JobState::Failed,
            exit_code: Some(2),
        },
        &[1],
    );
}

#[test]
fn a_job_that_was_killed_or_cancelled_did_not_complete_either() {
    for state in [JobState::TimedOut, JobState::Cancelled] {
        let verdict = check(
            &witness(&["START 1 1"]),
            &completed([1]).with_stored(stored(1, state, None)),
        );
        assert_eq!(
            verdict.to_string(),
            format!(
                "verdict: VIOLATED S4: job 1 should have completed, but the store says {state}"
            )
        );
    }
}

#[test]
fn a_completed_job_must_have_ended() {
    let history = witness(&["START 1 1", "START 2 1", "END 1 1"]);
    let expectation = completed([1, 2]);
    assert_violated(
        &history,
        &expectation,
        AT_END,
        Breach::EndLost {
            run: live(2, 1, 2),
            exit_code: Some(0),
        },
        &[2],
    );
    assert_eq!(
        check(&history, &expectation).to_string(),
        "verdict: VIOLATED S4: the store says that job 2 completed (exit code 0), \
         but attempt 1, started at line 2, never ended"
    );
}

#[test]
fn a_completed_job_must_have_ended_in_its_last_attempt() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 1 2"]),
        &completed_with_runs([1], 1, 1, 2),
        AT_END,
        Breach::EndLost {
            run: live(1, 2, 3),
            exit_code: Some(0),
        },
        &[1, 2, 3],
    );
}

#[test]
fn what_a_line_proves_comes_before_what_the_end_proves() {
    let history = witness(&["START 2 1", "END 2 1", "START 3 1", "END 3 1", "END 3 1"]);
    let verdict = check(&history, &completed([1, 2, 3])).to_string();
    assert!(verdict.contains("job 3 attempt 1 ended a second time at line 5"));
    assert!(
        verdict.ends_with("(the first of 2 violations)"),
        "{verdict}"
    );
}
