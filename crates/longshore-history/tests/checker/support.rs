//! Short ways to write a history, an expectation and what is asserted of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use longshore_history::{
    AttemptNumber, Breach, Expectation, ExpectedEnd, ExpectedRuns, JobId, JobState, Limit, LiveRun,
    Place, Position, Promise, RunId, StoredJob, Verdict, Violation, Witness, check,
};

/// A witness from lines such as `START 4 1`; clock and writer are filled in.
pub fn witness(lines: &[&str]) -> Witness {
    let mut text = String::new();
    for (line, number) in lines.iter().zip(1..) {
        writeln!(text, "{line} {} pid-7", number * 10).expect("a string grows");
    }
    Witness::parse(&text).expect("the test writes well-formed lines")
}

pub fn jobs(ids: impl IntoIterator<Item = i64>) -> BTreeSet<JobId> {
    ids.into_iter().map(JobId).collect()
}

/// Each of the jobs runs once, and the store calls each completed.
pub fn completed(ids: impl IntoIterator<Item = i64>) -> Expectation {
    let jobs = jobs(ids);
    let stored: Vec<_> = jobs
        .iter()
        .map(|&job| (job, StoredJob::COMPLETED))
        .collect();
    Expectation::each_once(jobs).with_stored(stored)
}

/// As [`completed`], but `job` may run `at_least` to `at_most` times.
pub fn completed_with_runs(
    ids: impl IntoIterator<Item = i64>,
    job: i64,
    at_least: u32,
    at_most: u32,
) -> Expectation {
    let runs = ExpectedRuns { at_least, at_most };
    completed(ids).with_job(JobId(job), runs, ExpectedEnd::Completed)
}

/// What the store says of one job.
pub fn stored(job: i64, state: JobState, exit_code: Option<i32>) -> [(JobId, StoredJob); 1] {
    let stored = StoredJob {
        state,
        exit_code,
        ..StoredJob::COMPLETED
    };
    [(JobId(job), stored)]
}

/// A limit without a name that the run need not reach.
pub fn limit(max: u32, ids: impl IntoIterator<Item = i64>) -> Limit {
    Limit {
        name: String::new(),
        max,
        jobs: jobs(ids),
        ..Limit::default()
    }
}

pub fn run(job: i64, attempt: u32) -> RunId {
    RunId {
        job: JobId(job),
        attempt: AttemptNumber(attempt),
    }
}

pub fn live(job: i64, attempt: u32, line: usize) -> LiveRun {
    LiveRun {
        id: run(job, attempt),
        started: at(line),
    }
}

pub fn at(line: usize) -> Position {
    Position::of_line(line)
}

/// Checks, and returns the earliest violation with its sub-history's lines.
#[track_caller]
pub fn violation(history: &Witness, expectation: &Expectation) -> (Violation, Vec<usize>) {
    match check(history, expectation) {
        Verdict::Violated {
            violation,
            sub_history,
            ..
        } => {
            let lines = sub_history.iter().map(|event| event.at.line()).collect();
            (violation, lines)
        }
        other @ (Verdict::Passed { .. } | Verdict::Unknown { .. }) => {
            panic!("expected a violation, got {other}")
        }
    }
}

/// Asserts the whole of the earliest violation, and which lines prove it.
#[track_caller]
pub fn assert_violated(
    history: &Witness,
    expectation: &Expectation,
    (promise, place): (Promise, Place),
    breach: Breach,
    proof: &[usize],
) {
    let (found, lines) = violation(history, expectation);
    let wanted = Violation {
        promise,
        at: place,
        breach,
    };
    assert_eq!(found, wanted);
    assert_eq!(lines, proof, "the sub-history");
}

/// Asserts that a history passes, with exactly this line.
#[track_caller]
pub fn assert_passed(history: &Witness, expectation: &Expectation, line: &str) {
    let verdict = check(history, expectation);
    assert_eq!(verdict.to_string(), line);
    assert!(verdict.is_passed());
}
