//! A million lines finish, and so do the shapes that tempt a checker to be
//! quadratic, which at a tenth of that would already take many minutes. What is
//! asserted is the verdict; of the store's lines also a generous bound of the time.

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

/// Far beyond what it takes on a slow machine without optimisation, and far below what any pass would
/// take that is quadratic in these lines.
const LONG_ENOUGH: std::time::Duration = std::time::Duration::from_mins(1);

/// All jobs wait at first, so that each acquisition has a long line to be held against; eight run at
/// a time, and the limit is changed over and over.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test looks at a clock, not the checker"
)]
fn two_hundred_thousand_lines_of_the_store_are_judged_in_seconds() {
    use crate::recorded::{Script, lease};
    use longshore_history::Exercise;
    use longshore_history::store::Then;

    const JOBS: i64 = 24_000;
    let mut script = Script::with_queue(Some(8));
    for job in 1..=JOBS {
        script.submit_plain(job);
    }
    for job in 1..=JOBS + 8 {
        if job > 8 {
            script.finish(&lease(job - 8, 1, job - 8), Then::Completed);
        }
        if job <= JOBS {
            script.acquire(job % 4, &[lease(job, 1, job)]);
            script.runs(&lease(job, 1, job));
        }
        if job % 20 == 0 {
            script.change_limit(Some(8 + u32::try_from(job % 3).expect("small")));
        }
    }
    let must = Exercise {
        waiting_lines: true,
        limit_changes: true,
        ..Exercise::default()
    };
    let history = script.parsed();
    assert!(history.events().len() > 190_000);
    let begun = std::time::Instant::now();
    let verdict = check(&history, &Expectation::default().exercising(must));
    let took = begun.elapsed();
    assert!(verdict.is_passed(), "{verdict}");
    assert!(took < LONG_ENOUGH, "it took {took:?}");
}
