//! Handing in jobs: ids alone on stdout, whole files or nothing.

use super::support::Home;

#[test]
fn submit_prints_the_id_alone() {
    let home = Home::new();
    let ran = home.run(&["submit", "--", "echo", "hello"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let id: i64 = ran.stdout.trim().parse().expect("the id alone");
    assert_eq!(ran.stdout, format!("{id}\n"));
    assert_eq!(home.json(&["show", "last"])["id"], id);
}

#[test]
fn flags_say_the_same_as_the_fields_of_a_file() {
    let home = Home::new();
    home.run_with(&["template", "save", "shared", "-"], "REGION=eu\n");
    let flags = home.submit(&[
        "--name",
        "n",
        "--queue",
        "local",
        "--priority",
        "high",
        "--env",
        "A=1=2",
        "--env-template",
        "shared",
        "--workdir",
        "/tmp",
        "--run-timeout",
        "1h30m",
        "--queue-timeout",
        "none",
        "--no-output-timeout",
        "90",
        "--stop-grace",
        "5s",
        "--at",
        "2999-01-01T00:00:00Z",
        "--max-retries",
        "2",
        "--retry-strategy",
        "aggressive",
        "--retry-exit-codes",
        "75,111",
        "--label",
        "team=search",
        "--description",
        "for people",
        "--idempotency-key",
        "k1",
        "--",
        "sh",
        "-c",
        "true",
    ]);
    let file = r#"{"name": "n", "description": "for people", "queue": "local", "priority": 80, "env": {"A": "1=2"},
        "env_templates": ["shared"], "working_directory": "/tmp", "run_timeout": 5400,
        "queue_timeout": "none", "no_output_timeout": "1m30s", "stop_grace": 5,
        "scheduled_for": "2999-01-01T00:00:00Z", "max_retries": 2, "retry_strategy": "aggressive",
        "retry_exit_codes": [75, 111], "labels": {"team": "search"}, "idempotency_key": "k2",
        "command": ["sh", "-c", "true"]}"#;
    let ran = home.run_with(&["submit", "-f", "-"], file);
    assert_eq!(ran.code, 0, "{}", ran.report());
    let spec = |job: &str| {
        let mut spec = home.json(&["show", "--show-env", job])["spec"].clone();
        spec.as_object_mut()
            .expect("a spec is an object")
            .remove("idempotency_key");
        spec
    };
    assert_eq!(spec(&flags), spec(ran.stdout.trim()));
}

#[test]
fn a_repeated_key_answers_with_the_first_job() {
    let home = Home::new();
    let first = home.submit(&["--idempotency-key", "nightly", "--", "true"]);
    let again = home.run(&["submit", "--idempotency-key", "nightly", "--", "true"]);
    assert_eq!((again.code, again.stdout.trim()), (0, first.as_str()));
    assert!(
        again.stderr.contains("was there already"),
        "{}",
        again.report()
    );
    let other = home.run(&["submit", "--idempotency-key", "nightly", "--", "false"]);
    assert_eq!((other.code, other.stdout.as_str()), (1, ""));
    assert!(
        other.stderr.contains("was used for another spec"),
        "{}",
        other.report()
    );
}

#[test]
fn a_bad_line_is_named_and_nothing_of_its_file_is_submitted() {
    let home = Home::new();
    let good = "{\"command\": [\"true\"]}\n";
    let bad = "{\"command\": [\"true\"], \"memory\": \"lots\"}\n";
    let file = home.file("jobs.jsonl", &[&good.repeat(6), bad, good].concat());
    let ran = home.run(&["submit", "-f", &file]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.report());
    assert!(
        ran.stderr
            .contains("line 7: memory: \"lots\" is not a size"),
        "{}",
        ran.report()
    );
    assert_eq!(
        home.json(&["list"])["jobs"].as_array().map(Vec::len),
        Some(0)
    );
}

#[test]
fn what_the_store_refuses_in_a_file_submits_nothing_of_it_either() {
    let home = Home::new();
    let lines = "{\"command\": [\"true\"]}\n{\"command\": [\"true\"], \"queue\": \"nowhere\"}\n";
    let ran = home.run_with(&["submit", "-f", "-"], lines);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.report());
    assert_eq!(
        home.json(&["list"])["jobs"].as_array().map(Vec::len),
        Some(0)
    );
}

#[test]
fn files_of_every_form_are_submitted_in_order() {
    let home = Home::new();
    for (form, text) in [
        (
            "one object",
            "{\n  \"name\": \"a\",\n  \"command\": [\"true\"]\n}\n",
        ),
        (
            "an array",
            r#"[{"name": "a", "command": ["true"]}, {"name": "b", "command": ["true"]}]"#,
        ),
        (
            "lines",
            "{\"name\":\"a\",\"command\":[\"true\"]}\n\n{\"name\":\"b\",\"command\":[\"true\"]}",
        ),
    ] {
        let ran = home.run_with(&["submit", "-f", "-"], text);
        assert_eq!(ran.code, 0, "{form}: {}", ran.report());
        let names = ran
            .stdout
            .lines()
            .map(|id| home.json(&["show", id])["name"].clone());
        let expected = ["a", "b"];
        let names: Vec<_> = names.collect();
        assert_eq!(names, expected[..names.len()], "{form}");
    }
}

#[test]
fn a_held_job_is_pending_until_it_is_released() {
    let home = Home::new();
    let job = home.submit(&["--hold", "--", "true"]);
    assert_eq!(home.state(&job), "pending");
    assert_eq!(home.ok(&["release", &job]), format!("{job} queued\n"));
    assert_eq!(home.ok(&["hold", "last"]), format!("{job} pending\n"));
    let again = home.run(&["hold", &job]);
    assert_eq!(again.code, 1, "{}", again.report());
}
