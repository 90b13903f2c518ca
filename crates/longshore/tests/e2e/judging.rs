//! That `demo --judge` does not pass jobs that failed or are gone, however well their witness reads.

use std::fs;

use serde_json::json;

use crate::support::{Home, Ran};

/// Judges a kept demo whose jobs are replaced by one that runs `script` and fails.
fn judge_a_job_that_fails(script: &str) -> Ran {
    let home = demo();
    let database = home.path().join("demo/longshore.db");
    let database = format!("sqlite:{}", database.display());
    let at = ["--database", &database];
    let witness = home.path().join("demo/witness.log");
    fs::write(&witness, "").expect("the home is ours");

    let variable = format!("WITNESS={}", witness.display());
    let script = format!(
        r#"mark() {{
             echo "$1 $LONGSHORE_JOB_ID $LONGSHORE_ATTEMPT 0 pid-$$" >>"$WITNESS"
           }}
           {script}"#
    );
    let what = ["--max-retries", "0", "--env", &variable];
    let command = ["--queue", "fails", "--", "sh", "-c", &script];
    home.ok(&[
        &["queue", "create", "fails", "--executor", "process"][..],
        &at,
    ]
    .concat());
    let job = home.submit(&[&at[..], &what, &command].concat());
    home.run(&[&["worker", "--queue", "fails", "--until-empty"][..], &at].concat());
    let job: i64 = job.parse().expect("submit prints the id alone");
    let jobs = json!([job]);
    edit_record(&home, |record| record["jobs"] = jobs);
    home.run(&["demo", "--judge", "demo"])
}

/// A home with a small demo in its folder `demo`.
fn demo() -> Home {
    let home = Home::new();
    home.ok(&[
        "demo",
        "--jobs",
        "2",
        "--workers",
        "1",
        "--limit",
        "1",
        "--keep",
        "demo",
    ]);
    home
}

/// Changes what the demo says that it submitted.
fn edit_record(home: &Home, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = home.path().join("demo/demo.json");
    let text = fs::read_to_string(&path).expect("the demo keeps its record");
    let mut record = serde_json::from_str(&text).expect("the record is JSON");
    edit(&mut record);
    fs::write(&path, record.to_string()).expect("the home is ours");
}

#[track_caller]
fn assert_red(ran: &Ran, why: &str) {
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(last.starts_with("verdict: VIOLATED S4: "), "{last}");
    assert!(last.ends_with(why), "{last}");
}

#[test]
fn a_job_that_wrote_its_end_and_then_failed_turns_the_verdict_red() {
    let ran = judge_a_job_that_fails("mark START; mark END; exit 1");
    assert_red(
        &ran,
        "should have completed, but the store says failed (exit code 1)",
    );
}

#[test]
fn a_job_that_failed_at_its_end_turns_the_verdict_red() {
    let ran = judge_a_job_that_fails("mark START; WITNESS=/dev/full; mark END");
    assert_red(
        &ran,
        "should have completed, but the store says failed (exit code 1)",
    );
}

#[test]
fn a_job_that_the_store_does_not_know_turns_the_verdict_red() {
    let home = demo();
    edit_record(&home, |record| {
        let jobs = record["jobs"].as_array_mut().expect("a list of jobs");
        jobs.push(json!(999));
    });
    let ran = home.run(&["demo", "--judge", "demo"]);
    assert_red(
        &ran,
        "job 999 was acknowledged, but the store has no such job",
    );
}
