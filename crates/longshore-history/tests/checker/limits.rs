//! S3: what is live at one instant.

use longshore_history::{Breach, BreachKind, Limit, Place, Promise, Verdict, check};

use crate::support::{assert_passed, assert_violated, at, completed, jobs, limit, live, witness};

#[test]
fn one_job_too_many_is_named_with_all_that_were_live() {
    let history = witness(&[
        "START 1 1",
        "START 4 1",
        "END 1 1",
        "START 7 1",
        "START 11 1",
        "START 9 1",
        "END 4 1",
        "END 7 1",
        "END 9 1",
        "END 11 1",
    ]);
    let expectation = completed([1, 4, 7, 9, 11]).with_limit(limit(3, [1, 4, 7, 9, 11]));
    assert_violated(
        &history,
        &expectation,
        (Promise::S3, Place::Line(at(6))),
        Breach::LimitExceeded {
            limit: String::new(),
            max: 3,
            live: vec![live(4, 1, 2), live(7, 1, 4), live(11, 1, 5), live(9, 1, 6)],
        },
        &[2, 4, 5, 6, 7, 8, 9, 10],
    );
    assert_eq!(
        check(&history, &expectation).to_string(),
        "verdict: VIOLATED S3: 4 jobs ran at once under limit 3 at line 6: jobs 4, 7, 9, 11"
    );
}

#[test]
fn a_job_that_writes_no_end_still_exceeds_a_full_limit_at_its_start() {
    assert_violated(
        &witness(&["START 1 1", "START 2 1", "END 1 1"]),
        &completed([1, 2]).with_limit(limit(1, [1, 2])),
        (Promise::S3, Place::Line(at(2))),
        Breach::LimitExceeded {
            limit: String::new(),
            max: 1,
            live: vec![live(1, 1, 1), live(2, 1, 2)],
        },
        &[1, 2, 3],
    );
}

#[test]
fn a_limit_of_zero_allows_nothing() {
    assert_violated(
        &witness(&["START 2 1", "END 2 1", "START 1 1", "END 1 1"]),
        &completed([1, 2]).with_limit(limit(0, [1])),
        (Promise::S3, Place::Line(at(3))),
        Breach::LimitExceeded {
            limit: String::new(),
            max: 0,
            live: vec![live(1, 1, 3)],
        },
        &[3, 4],
    );
}

#[test]
fn each_limit_counts_its_own_jobs_and_a_job_may_be_in_two() {
    let history = witness(&[
        "START 1 1",
        "START 2 1",
        "START 3 1",
        "END 1 1",
        "END 2 1",
        "END 3 1",
    ]);
    let named = |name: &str, max, ids: &[i64]| Limit {
        name: name.to_owned(),
        ..limit(max, ids.iter().copied())
    };
    let expectation = completed([1, 2, 3])
        .with_limit(named("light", 3, &[1, 2, 3]))
        .with_limit(named("heavy", 1, &[1, 3]));
    assert_violated(
        &history,
        &expectation,
        (Promise::S3, Place::Line(at(3))),
        Breach::LimitExceeded {
            limit: "heavy".to_owned(),
            max: 1,
            live: vec![live(1, 1, 1), live(3, 1, 3)],
        },
        &[1, 3, 4, 6],
    );
}

#[test]
fn every_start_beyond_the_limit_is_counted() {
    let history = witness(&[
        "START 1 1",
        "START 2 1",
        "START 3 1",
        "END 3 1",
        "START 4 1",
        "END 1 1",
        "END 2 1",
        "END 4 1",
    ]);
    let verdict = check(
        &history,
        &completed([1, 2, 3, 4]).with_limit(limit(2, [1, 2, 3, 4])),
    );
    let Verdict::Violated { all_counts, .. } = verdict else {
        panic!("expected a violation, got {verdict}");
    };
    assert_eq!(all_counts.of(BreachKind::LimitExceeded), 2);
    assert_eq!(all_counts.total(), 2);
}

#[test]
fn a_verdict_names_a_bounded_number_of_jobs() {
    let starts = (1..=30).map(|job| format!("START {job} 1"));
    let ends = (1..=30).map(|job| format!("END {job} 1"));
    let lines: Vec<String> = starts.chain(ends).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let verdict = check(
        &witness(&lines),
        &completed(1..=30).with_limit(limit(29, 1..=30)),
    );
    let line = verdict.to_string();
    assert!(line.ends_with("18, 19, 20 and 10 more"), "{line}");
}

#[test]
fn the_order_of_the_file_decides_not_the_clock() {
    // By its clock job 2 starts before job 1 ends; the file says otherwise.
    let history = longshore_history::Witness::parse(
        "START 1 1 100 a\nEND 1 1 900 a\nSTART 2 1 200 b\nEND 2 1 950 b\n",
    )
    .expect("well formed");
    assert_passed(
        &history,
        &completed([1, 2]).with_limit(Limit {
            name: "default".to_owned(),
            max: 1,
            jobs: jobs([1, 2]),
            must_reach: true,
            queue: None,
        }),
        "verdict: PASSED: 2 jobs, each ran exactly once; \
         limit 1 of default reached, never exceeded (max live 1)",
    );
}
