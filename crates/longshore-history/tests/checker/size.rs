//! A million lines finish, and so do the shapes that tempt a checker to be
//! quadratic, which at a tenth of that would already take many minutes. What is
//! asserted is the verdict, never the time.

use longshore_history::{
    BreachKind, Expectation, ExpectedEnd, ExpectedRuns, JobId, Limit, StoredJob, Verdict, Witness,
    check,
};

use crate::support::{completed, limit};

fn parsed(text: &str, lines: usize) -> Witness {
    let witness = Witness::parse(text).expect("the test writes well-formed lines");
    assert_eq!(witness.events().len(), lines);
    witness
}

fn record(mark: &str, job: i64, attempt: i64) -> String {
    format!(
        "{mark} {job} {attempt} {} pid-{job}\n",
        1_700_000_000_000_000_000_i64 + job
    )
}

#[test]
fn a_million_lines_of_jobs_under_a_limit_pass() {
    const JOBS: i64 = 500_000;
    const MAX: i64 = 8;
    let text: String = (1..=JOBS + MAX)
        .flat_map(|job| {
            let end = (job > MAX).then(|| record("END", job - MAX, 1));
            let start = (job <= JOBS).then(|| record("START", job, 1));
            [end, start]
        })
        .flatten()
        .collect();
    let expectation = completed(1..=JOBS).with_limit(Limit {
        must_reach: true,
        ..limit(8, 1..=JOBS)
    });
    assert_eq!(
        check(&parsed(&text, 1_000_000), &expectation).to_string(),
        "verdict: PASSED: 500000 jobs, each ran exactly once; \
         limit 8 reached, never exceeded (max live 8)"
    );
}

#[test]
fn many_lines_that_nearly_all_break_a_limit_are_judged() {
    const JOBS: i64 = 50_000;
    let starts = (1..=JOBS).map(|job| record("START", job, 1));
    let ends = (1..=JOBS).map(|job| record("END", job, 1));
    let text: String = starts.chain(ends).collect();
    let verdict = check(
        &parsed(&text, 100_000),
        &completed(1..=JOBS).with_limit(limit(3, 1..=JOBS)),
    );
    let Verdict::Violated {
        all_counts,
        sub_history,
        ..
    } = &verdict
    else {
        panic!("expected a violation, got {verdict}");
    };
    assert_eq!(all_counts.of(BreachKind::LimitExceeded), 49_997);
    assert_eq!(sub_history.len(), 8);
}

#[test]
fn many_lines_of_one_job_in_overlapping_attempts_are_judged() {
    const ATTEMPTS: i64 = 50_000;
    let starts = (1..=ATTEMPTS).map(|attempt| record("START", 1, attempt));
    let ends = (1..=ATTEMPTS).map(|attempt| record("END", 1, attempt));
    let text: String = starts.chain(ends).collect();
    let any_number = ExpectedRuns {
        at_least: 0,
        at_most: u32::MAX,
    };
    let expectation = Expectation::default()
        .with_job(JobId(1), any_number, ExpectedEnd::Completed)
        .with_stored([(JobId(1), StoredJob::COMPLETED)]);
    let verdict = check(&parsed(&text, 100_000), &expectation);
    let Verdict::Violated { all_counts, .. } = &verdict else {
        panic!("expected a violation, got {verdict}");
    };
    assert_eq!(all_counts.of(BreachKind::AttemptsOverlap), 49_999);
}
