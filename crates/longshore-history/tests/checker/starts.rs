//! What single lines break: S1, S2 and the "once" of S4.

use longshore_history::{Breach, BreachKind, JobId, JobState, Place, Promise, StoredJob, Verdict};
use longshore_history::{Expectation, ExpectedEnd, ExpectedRuns, check};

use crate::support::{
    assert_violated, at, completed, completed_with_runs, limit, live, run, violation, witness,
};

fn on_line(promise: Promise, line: usize) -> (Promise, Place) {
    (promise, Place::Line(at(line)))
}

const NEVER_ACQUIRED: StoredJob = StoredJob {
    state: JobState::Cancelled,
    exit_code: None,
    ever_acquired: false,
    attempts: Vec::new(),
    due_at: None,
    key: None,
};

#[test]
fn a_job_cancelled_before_any_acquisition_must_not_run() {
    let expectation = completed([1, 2]).with_stored([(JobId(2), NEVER_ACQUIRED)]);
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 2 1", "END 2 1"]),
        &expectation,
        on_line(Promise::S1, 3),
        Breach::RanUnacquired { run: run(2, 1) },
        &[3, 4],
    );
}

#[test]
fn a_queued_job_that_nobody_acquired_must_not_run() {
    let queued = StoredJob {
        state: JobState::Queued,
        ..NEVER_ACQUIRED
    };
    assert_violated(
        &witness(&["START 5 1"]),
        &completed([5]).with_stored([(JobId(5), queued)]),
        on_line(Promise::S1, 1),
        Breach::RanUnacquired { run: run(5, 1) },
        &[1],
    );
}

#[test]
fn an_attempt_that_starts_twice_while_live_breaks_s2() {
    assert_violated(
        &witness(&[
            "START 1 1",
            "START 2 1",
            "START 1 1",
            "END 2 1",
            "END 1 1",
            "END 1 1",
        ]),
        &completed([1, 2]),
        on_line(Promise::S2, 3),
        Breach::StartedTwice {
            run: run(1, 1),
            first: at(1),
        },
        &[1, 3, 5, 6],
    );
}

#[test]
fn an_attempt_that_starts_twice_and_never_ends_breaks_s2() {
    let failed = StoredJob {
        state: JobState::Failed,
        exit_code: Some(137),
        ever_acquired: true,
        ..StoredJob::COMPLETED
    };
    assert_violated(
        &witness(&["START 9 2", "START 9 2"]),
        &completed_with_runs([9], 9, 1, 5).with_stored([(JobId(9), failed)]),
        on_line(Promise::S2, 2),
        Breach::StartedTwice {
            run: run(9, 2),
            first: at(1),
        },
        &[1, 2],
    );
}

#[test]
fn a_second_attempt_beside_a_live_first_breaks_s2() {
    assert_violated(
        &witness(&["START 1 1", "START 1 2", "END 1 1", "END 1 2"]),
        &completed_with_runs([1], 1, 1, 2),
        on_line(Promise::S2, 2),
        Breach::AttemptsOverlap {
            run: run(1, 2),
            live: live(1, 1, 1),
        },
        &[1, 2, 3, 4],
    );
}

#[test]
fn an_old_attempt_that_starts_late_beside_its_successor_breaks_s2() {
    assert_violated(
        &witness(&[
            "START 2 1",
            "START 4 2",
            "END 2 1",
            "START 4 1",
            "END 4 2",
            "END 4 1",
        ]),
        &completed_with_runs([2, 4], 4, 1, 3),
        on_line(Promise::S2, 4),
        Breach::AttemptsOverlap {
            run: run(4, 1),
            live: live(4, 2, 2),
        },
        &[2, 4, 5, 6],
    );
}

#[test]
fn a_job_that_nobody_submitted_must_not_run() {
    assert_violated(
        &witness(&["START 1 1", "START 99 1", "END 1 1", "END 99 1"]),
        &completed([1]),
        on_line(Promise::S4, 2),
        Breach::UnknownJob { run: run(99, 1) },
        &[2, 4],
    );
}

#[test]
fn an_end_of_a_job_that_nobody_submitted_is_unknown_too() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "END -3 1"]),
        &completed([1]),
        on_line(Promise::S4, 3),
        Breach::UnknownJob { run: run(-3, 1) },
        &[3],
    );
}

#[test]
fn an_attempt_must_not_start_again_after_its_end() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 1 1", "END 1 1"]),
        &completed([1]),
        on_line(Promise::S4, 3),
        Breach::RestartedAfterEnd {
            run: run(1, 1),
            ended: at(2),
        },
        &[1, 2, 3, 4],
    );
}

#[test]
fn an_attempt_must_not_start_again_even_where_the_job_may_run_twice() {
    assert_violated(
        &witness(&[
            "START 1 1",
            "END 1 1",
            "START 2 1",
            "START 1 1",
            "END 1 1",
            "END 2 1",
        ]),
        &completed_with_runs([1, 2], 1, 1, 2),
        on_line(Promise::S4, 4),
        Breach::RestartedAfterEnd {
            run: run(1, 1),
            ended: at(2),
        },
        &[1, 2, 4, 5],
    );
}

#[test]
fn a_job_must_not_run_again_as_another_attempt() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 1 2", "END 1 2"]),
        &completed([1]),
        on_line(Promise::S4, 3),
        Breach::RanTooOften {
            job: JobId(1),
            runs: 2,
            at_most: 1,
        },
        &[1, 2, 3, 4],
    );
}

#[test]
fn a_job_that_must_not_run_at_all_must_not_run_once() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 2 1"]),
        &Expectation::each_once([JobId(1)]).with_job(
            JobId(2),
            ExpectedRuns::exactly(0),
            ExpectedEnd::Any,
        ),
        on_line(Promise::S4, 3),
        Breach::RanTooOften {
            job: JobId(2),
            runs: 1,
            at_most: 0,
        },
        &[3],
    );
}

#[test]
fn an_end_needs_a_start() {
    assert_violated(
        &witness(&["START 1 1", "END 2 1", "END 1 1"]),
        &completed([1, 2]),
        on_line(Promise::S4, 2),
        Breach::EndWithoutStart { run: run(2, 1) },
        &[2],
    );
}

#[test]
fn an_end_needs_the_start_of_its_own_attempt() {
    assert_violated(
        &witness(&["START 1 1", "END 1 2", "END 1 1"]),
        &completed_with_runs([1], 1, 1, 2),
        on_line(Promise::S4, 2),
        Breach::EndWithoutStart { run: run(1, 2) },
        &[1, 2, 3],
    );
}

#[test]
fn an_attempt_ends_once() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "END 1 1"]),
        &completed([1]),
        on_line(Promise::S4, 3),
        Breach::EndedTwice {
            run: run(1, 1),
            first: at(2),
        },
        &[1, 2, 3],
    );
}

#[test]
fn an_attempt_ends_once_even_after_its_successor() {
    assert_violated(
        &witness(&["START 1 1", "END 1 1", "START 1 2", "END 1 2", "END 1 1"]),
        &completed_with_runs([1], 1, 1, 2),
        on_line(Promise::S4, 5),
        Breach::EndedTwice {
            run: run(1, 1),
            first: at(2),
        },
        &[1, 2, 3, 4, 5],
    );
}

#[test]
fn of_several_violations_the_earliest_is_reported_and_all_are_counted() {
    let history = witness(&[
        "START 1 1",
        "END 1 1",
        "END 1 1", // ended twice
        "START 2 1",
        "START 2 1", // started twice, and once too often
        "END 2 1",
        "END 3 1", // ended without start; 3 completed unseen
    ]);
    let verdict = check(&history, &completed([1, 2, 3]));
    let Verdict::Violated {
        violation,
        all_counts,
        ..
    } = &verdict
    else {
        panic!("expected a violation, got {verdict}");
    };
    assert_eq!(violation.at, Place::Line(at(3)));
    assert_eq!(all_counts.of(BreachKind::EndedTwice), 1);
    assert_eq!(all_counts.of(BreachKind::StartedTwice), 1);
    assert_eq!(all_counts.of(BreachKind::RanTooOften), 1);
    assert_eq!(all_counts.of(BreachKind::EndWithoutStart), 1);
    assert_eq!(all_counts.of(BreachKind::CompletedUnseen), 1);
    assert_eq!(all_counts.of(BreachKind::EndLost), 0);
    assert_eq!(all_counts.total(), 5);
    assert_eq!(
        verdict.to_string(),
        "verdict: VIOLATED S4: job 1 attempt 1 ended a second time at line 3, \
         after its end at line 2 (the first of 5 violations)"
    );
}

#[test]
fn at_one_line_the_lower_promise_is_reported() {
    let history = witness(&["START 1 1", "START 1 2", "END 1 1", "END 1 2"]);
    let expectation = completed([1]).with_limit(limit(1, [1]));
    let (found, _) = violation(&history, &expectation);
    assert_eq!((found.promise, found.at), on_line(Promise::S2, 2));
}
