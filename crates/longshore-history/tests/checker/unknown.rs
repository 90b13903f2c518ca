//! Histories that prove nothing: unknown, never passed.

use longshore_history::{
    Doubt, Expectation, JobId, JobState, Limit, LimitUse, Verdict, Witness, check,
};

use crate::support::{completed, completed_with_runs, jobs, limit, live, stored, witness};

#[track_caller]
fn assert_unknown(history: &Witness, expectation: &Expectation, why: Doubt, line: &str) {
    let verdict = check(history, expectation);
    assert_eq!(verdict, Verdict::Unknown { why });
    assert_eq!(verdict.to_string(), line);
    assert!(!verdict.is_passed());
}

#[test]
fn a_run_of_nothing_is_unknown() {
    assert_unknown(
        &Witness::default(),
        &Expectation::default(),
        Doubt::NothingRecorded {
            jobs: 0,
            completed: 0,
        },
        "verdict: UNKNOWN: the witness recorded nothing of 0 jobs",
    );
}

#[test]
fn an_empty_witness_is_unknown_even_if_the_store_calls_all_completed() {
    assert_unknown(
        &Witness::default(),
        &completed([1, 2]),
        Doubt::NothingRecorded {
            jobs: 2,
            completed: 2,
        },
        "verdict: UNKNOWN: the witness recorded nothing of 2 jobs, \
         though the store calls 2 completed",
    );
}

#[test]
fn a_limit_that_was_to_be_reached_and_was_not_is_unknown() {
    let must_reach = |name: &str, max| Limit {
        name: name.to_owned(),
        must_reach: true,
        ..limit(max, [1, 2])
    };
    assert_unknown(
        &witness(&["START 1 1", "START 2 1", "END 1 1", "END 2 1"]),
        &completed([1, 2])
            .with_limit(must_reach("reached", 2))
            .with_limit(must_reach("default", 3)),
        Doubt::LimitNotReached {
            limit: LimitUse {
                name: "default".to_owned(),
                max: 3,
                most_live: 2,
            },
        },
        "verdict: UNKNOWN: limit 3 of default was never reached (max live 2), \
         so it was not tested",
    );
}

#[test]
fn a_limit_whose_jobs_ran_one_after_the_other_is_unknown() {
    let expectation = completed([1, 2]).with_limit(Limit {
        must_reach: true,
        ..limit(2, [1, 2])
    });
    let verdict = check(
        &witness(&["START 1 1", "END 1 1", "START 2 1", "END 2 1"]),
        &expectation,
    );
    assert_eq!(
        verdict.to_string(),
        "verdict: UNKNOWN: limit 2 was never reached (max live 1), so it was not tested"
    );
}

#[test]
fn a_history_that_stops_while_a_job_waits_is_unknown() {
    assert_unknown(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1, 2, 3])
            .with_stored(stored(2, JobState::Queued, None))
            .with_stored(stored(3, JobState::Retrying, None)),
        Doubt::NotSettled {
            job: JobId(2),
            state: JobState::Queued,
            others: 1,
        },
        "verdict: UNKNOWN: the history stops while the store calls job 2 queued (and 1 more)",
    );
}

#[test]
fn a_history_that_stops_while_a_job_runs_is_unknown() {
    assert_unknown(
        &witness(&["START 1 1", "START 2 1", "END 1 1"]),
        &completed([1, 2]).with_stored(stored(2, JobState::Running, None)),
        Doubt::NotSettled {
            job: JobId(2),
            state: JobState::Running,
            others: 0,
        },
        "verdict: UNKNOWN: the history stops while the store calls job 2 running",
    );
}

#[test]
fn a_missing_end_that_nobody_explains_is_unknown() {
    assert_unknown(
        &witness(&["START 1 1", "START 2 1", "END 1 1"]),
        &Expectation::each_once(jobs([1, 2])),
        Doubt::EndUnseen {
            run: live(2, 1, 2),
            others: 0,
        },
        "verdict: UNKNOWN: job 2 attempt 1, started at line 2, has no end, \
         and the store was not asked",
    );
}

#[test]
fn a_missing_end_before_another_attempt_needs_no_explanation() {
    let mut expectation = completed_with_runs([1], 1, 1, 2);
    expectation.stored = None;
    let verdict = check(
        &witness(&["START 1 1", "START 1 2", "END 1 2"]),
        &expectation,
    );
    assert!(verdict.is_passed(), "{verdict}");
}
