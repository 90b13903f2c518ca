//! `--like`: a new job from another's spec.

use serde_json::{Value, json};

use super::support::{Home, is_served};

fn spec(home: &Home, job: &str) -> Value {
    home.json(&["show", "--show-env", job])["spec"].clone()
}

#[test]
fn a_job_like_another_has_its_spec_and_what_the_flags_say() {
    let home = Home::new();
    let first = home.submit(&[
        "-e",
        "TOKEN=hunter2",
        "-e",
        "A=1",
        "-l",
        "team=search",
        "--queue",
        "local",
        "-p",
        "80",
        "--idempotency-key",
        "k",
        "--run-timeout",
        "90s",
        "--",
        "echo",
        "hello",
    ]);
    let same = home.submit(&["--like", &first]);
    let mut expected = spec(&home, &first);
    expected
        .as_object_mut()
        .expect("an object")
        .remove("idempotency_key");
    assert_eq!(spec(&home, &same), expected);
    let other = home.submit(&[
        "--like", "last", "-e", "A=2", "-p", "20", "--", "echo", "bye",
    ]);
    expected["env"]["A"] = json!("2");
    expected["priority"] = json!(20);
    expected["command"] = json!(["echo", "bye"]);
    assert_eq!(spec(&home, &other), expected);
    assert_ne!(first, same);
}

#[test]
fn a_job_like_one_that_runs_is_run_too() {
    let home = Home::new();
    home.submit(&[
        "--hold",
        "-e",
        "WHO=you",
        "--",
        "sh",
        "-c",
        "echo hello $WHO",
    ]);
    // What is on hold is the other job, not the new one.
    assert_eq!(home.ok(&["run", "--like", "last"]), "hello you\n");
    assert_eq!(
        home.ok(&["run", "--like", "last", "-e", "WHO=me"]),
        "hello me\n"
    );
}

#[test]
fn a_job_like_none_is_refused() {
    let home = Home::new();
    for args in [&["submit", "--like", "last"][..], &["run", "--like", "99"]] {
        let ran = home.run(args);
        assert_ne!(ran.code, 0, "{}", ran.report());
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains("hint: "), "{}", ran.report());
    }
    let ran = home.run(&["submit", "--like", "last", "-f", "jobs.json"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
}

#[test]
fn secrets_of_another_job_are_shown_in_no_error() {
    let home = Home::new();
    let first = home.submit(&["-e", "TOKEN=hunter2", "--", "true"]);
    for flags in [
        &["-m", "lots"][..],
        &["-e", "A B=1"],
        &["--queue", "nowhere"],
    ] {
        let ran = home.run(&[&["submit", "--like", &first], flags].concat());
        assert_ne!(ran.code, 0, "{}", ran.report());
        assert!(!ran.report().contains("hunter2"), "{}", ran.report());
    }
}

#[test]
fn secret_values_are_shown_to_nobody_and_copied_where_the_database_itself_is_asked() {
    let home = Home::new();
    let job = home.submit(&[
        "--secret-env",
        "TOKEN=sesame",
        "-e",
        "A=1",
        "busybox",
        "true",
    ]);
    let shown = home.ok(&["show", &job, "--show-env"]);
    assert!(
        shown.contains("A=1") && shown.contains("TOKEN=***"),
        "{shown}"
    );
    let shown = home.ok(&["show", &job, "--show-env", "--json"]);
    assert!(
        shown.contains("\"***\"") && !shown.contains("sesame"),
        "{shown}"
    );
    let ran = home.run(&["submit", "--like", &job]);
    if is_served() {
        assert_eq!(ran.code, 1, "{}", ran.report());
        assert!(
            ran.stderr.contains("does not show the values"),
            "{}",
            ran.report()
        );
    } else {
        let like = ran.stdout.trim();
        let reveal = rusqlite::Connection::open(home.database()).expect("it is a database");
        let sql = "SELECT spec FROM job WHERE id = ?1";
        let spec: String = reveal
            .query_row(sql, [like], |row| row.get(0))
            .expect("a job");
        assert!(spec.contains("sesame"), "{spec}");
    }
}
