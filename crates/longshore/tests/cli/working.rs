//! From submission to the end, through real workers and real processes.

use crate::support::{Home, wait_until};

/// A worker that looks often and notices requests soon, so that tests are quick.
const WORKER: [&str; 7] = [
    "worker",
    "--poll-interval",
    "50ms",
    "--heartbeat",
    "500ms",
    "--lease-ttl",
    "2s",
];

fn drain_queues(home: &Home) {
    home.ok(&[&WORKER[..], &["--until-empty"]].concat());
}

#[test]
fn a_submitted_job_is_run_by_a_worker_and_keeps_its_output_and_code() {
    let home = Home::new();
    let script = "printf out; printf err >&2; printf '\\nlast line'; exit 3";
    let job = home.submit(&["--", "sh", "-c", script]);
    drain_queues(&home);
    assert_eq!(home.state(&job), "failed");
    let logs = home.run(&["logs", &job]);
    assert_eq!(
        (logs.code, logs.stdout.as_str(), logs.stderr.as_str()),
        (0, "out\nlast line", "err")
    );
    assert_eq!(home.ok(&["logs", &job, "--stdout"]), "out\nlast line");
    assert_eq!(home.run(&["logs", &job, "--stderr"]).stdout, "");
    let waited = home.run(&["wait", &job]);
    assert_eq!(
        (waited.code, waited.stdout),
        (3, format!("{job} failed 3\n"))
    );
    assert_eq!(home.json(&["show", &job])["exit_code"], 3);
}

#[test]
fn a_worker_serves_by_priority_until_its_queues_are_empty() {
    let home = Home::new();
    for (name, priority) in [("c", "low"), ("b", "normal"), ("a", "high")] {
        let command = format!("echo {name} >> order");
        let folder = home.path().to_str().expect("temporary paths are UTF-8");
        home.submit(&[
            "--priority",
            priority,
            "--workdir",
            folder,
            "--",
            "sh",
            "-c",
            &command,
        ]);
    }
    home.ok(&[&WORKER[..], &["--until-empty", "--max-concurrent", "1"]].concat());
    let order = std::fs::read_to_string(home.path().join("order")).expect("the jobs wrote it");
    assert_eq!(order, "a\nb\nc\n");
}

#[test]
fn run_works_on_the_job_here_and_ends_with_its_code() {
    let home = Home::new();
    let ran = home.run(&["run", "--", "sh", "-c", "echo hello; echo oops >&2; exit 7"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (7, "hello\n"),
        "{}",
        ran.report()
    );
    assert!(ran.stderr.contains("oops\n"), "{}", ran.report());
    assert_eq!(home.json(&["show", "last"])["state"], "failed");
    assert_eq!(home.run(&["run", "--", "true"]).code, 0);
    assert_eq!(home.run(&["run", "--", "sh", "-c", "kill -9 $$"]).code, 137);
}

#[test]
fn a_program_that_is_not_there_is_longshores_own_failure() {
    let ran = Home::new().run(&["run", "--", "/no/such/program"]);
    assert_eq!(ran.code, 125, "{}", ran.report());
    assert!(ran.stderr.contains("/no/such/program"), "{}", ran.report());
}

#[test]
fn a_job_that_runs_too_long_ends_with_124_and_keeps_its_output() {
    let home = Home::new();
    let ran = home.run(&[
        "run",
        "--run-timeout",
        "1s",
        "--",
        "sh",
        "-c",
        "echo begun; sleep 600",
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (124, "begun\n"),
        "{}",
        ran.report()
    );
    assert_eq!(home.json(&["show", "last"])["state"], "timed_out");
}

#[test]
fn ctrl_c_in_run_cancels_the_job() {
    let home = Home::new();
    let running = home.spawn(&["run", "--", "sh", "-c", "echo begun; sleep 600"]);
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    running.signal("INT");
    let ran = running.finish();
    assert_eq!(ran.code, 130, "{}", ran.report());
    assert_eq!(home.state("last"), "cancelled");
}

#[test]
fn ctrl_c_in_wait_stops_waiting_and_says_how_to_go_on() {
    let home = Home::new();
    let job = home.submit(&["--", "true"]);
    for args in [&["wait", "last"][..], &["logs", "-f", "last"]] {
        let mut running = home.spawn(args);
        // What it says after a second shows that it listens by now.
        let mut stderr = running.stderr_lines();
        assert!(
            stderr
                .next_line()
                .contains("waits: no live worker serves queue local")
        );
        running.signal("INT");
        let code = running.finish().code;
        assert_eq!(code, 130, "{args:?}");
        let rest = stderr.rest();
        assert!(
            rest.contains(&format!("longshore logs -f {job}")),
            "{args:?}: {rest}"
        );
        assert_eq!(home.state(&job), "queued", "{args:?}");
    }
}

#[test]
fn submit_and_wait_follows_to_the_end() {
    let home = Home::new();
    let worker = home.spawn(&WORKER);
    let ran = home.run(&["submit", "--wait", "--", "sh", "-c", "echo hello; exit 4"]);
    assert_eq!(ran.code, 4, "{}", ran.report());
    let (id, rest) = ran
        .stdout
        .split_once('\n')
        .expect("the id has a line of its own");
    assert_eq!(home.state(id), "failed");
    assert_eq!(rest, "hello\n");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_running_job_is_cancelled_through_its_worker() {
    let home = Home::new();
    let worker = home.spawn(&WORKER);
    let job = home.submit(&["--", "sleep", "600"]);
    home.wait_for_state(&job, "running");
    assert_eq!(home.ok(&["cancel", &job]), format!("{job} stopping\n"));
    assert_eq!(home.run(&["wait", &job]).code, 130);
    assert_eq!(home.state(&job), "cancelled");
    worker.signal("INT");
    let ran = worker.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let last = ran.stderr.lines().last().expect("a worker has a last line");
    assert!(
        last.contains("drained") && last.contains("1 cancelled"),
        "{last}"
    );
}

#[test]
fn a_drained_worker_hands_its_running_job_back_uncounted() {
    let home = Home::new();
    let worker = home.spawn(&[&WORKER[..], &["--shutdown-timeout", "100ms"]].concat());
    let job = home.submit(&["--stop-grace", "1s", "--", "sleep", "600"]);
    home.wait_for_state(&job, "running");
    worker.signal("TERM");
    let ran = worker.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let last = ran.stderr.lines().last().expect("a worker has a last line");
    assert!(last.contains("1 handed back"), "{last}");
    let shown = home.json(&["show", &job]);
    assert_eq!(shown["state"], "queued");
    assert_eq!(
        shown["attempts_made"][0]["record"]["outcome"],
        "handed_back"
    );
}

#[test]
fn a_second_signal_does_not_wait_for_the_grace_time() {
    let home = Home::new();
    let worker = home.spawn(&[&WORKER[..], &["--shutdown-timeout", "1h"]].concat());
    let job = home.submit(&["--stop-grace", "1s", "--", "sleep", "600"]);
    home.wait_for_state(&job, "running");
    worker.signal("TERM");
    wait_until("the worker drains", || {
        home.json(&["workers"])[0]["draining"] == true
    });
    worker.signal("TERM");
    let ran = worker.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    assert_eq!(home.state(&job), "queued");
}

#[test]
fn a_worker_tells_its_status_when_asked() {
    let home = Home::new();
    let mut worker = home.spawn(&WORKER);
    let job = home.submit(&["--", "sleep", "600"]);
    home.wait_for_state(&job, "running");
    let mut stderr = worker.stderr_lines();
    worker.signal("USR1");
    while !stderr
        .next_line()
        .contains(&format!("job {job} attempt 1 (local): running"))
    {}
    home.ok(&["cancel", &job]);
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_dry_run_takes_nothing() {
    let home = Home::new();
    let job = home.submit(&["--", "true"]);
    let plan = home.ok(&["worker", "--dry-run"]);
    assert!(plan.contains("local"), "{plan}");
    assert_eq!(home.state(&job), "queued");
    assert_eq!(
        home.json(&["workers", "--all"]).as_array().map(Vec::len),
        Some(0)
    );
}

#[test]
fn once_watches_one_batch_to_its_end() {
    let home = Home::new();
    let jobs = [(); 3].map(|()| home.submit(&["--", "true"]));
    home.ok(&[&WORKER[..], &["--once", "--max-concurrent", "2"]].concat());
    assert_eq!(
        jobs.map(|job| home.state(&job)),
        ["completed", "completed", "queued"]
    );
}

#[test]
fn a_failed_job_gets_another_attempt_when_asked() {
    let home = Home::new();
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script = "test -e again || { touch again; echo first; exit 1; }; echo second";
    let job = home.submit(&["--workdir", folder, "--", "sh", "-c", script]);
    drain_queues(&home);
    assert_eq!(home.ok(&["retry", "last"]), format!("{job} queued\n"));
    drain_queues(&home);
    assert_eq!(home.state(&job), "completed");
    assert_eq!(home.ok(&["logs", &job, "--attempt", "1"]), "first\n");
    assert_eq!(home.ok(&["logs", &job]), "second\n");
    assert_eq!(home.run(&["logs", &job, "--attempt", "3"]).code, 1);
}

#[test]
fn follow_goes_through_every_attempt() {
    let home = Home::new();
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script = "test -e again || { touch again; echo first; exit 75; }; echo second";
    let ran = home.run(&[
        "run",
        "--retry-exit-codes",
        "75",
        "--retry-strategy",
        "high_priority",
        "--workdir",
        folder,
        "--",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "first\nsecond\n"),
        "{}",
        ran.report()
    );
}

#[test]
fn bad_settings_of_a_worker_are_usage_errors() {
    let home = Home::new();
    for args in [
        &["--max-concurrent", "0"][..],
        &["--heartbeat", "20s"],
        &["--poll-interval", "often"],
    ] {
        let ran = home.run(&[&["worker"], args].concat());
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.report());
    }
    let ran = home.run(&["worker", "--queue", "locl"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("did you mean \"local\"?"),
        "{}",
        ran.report()
    );
}

#[test]
fn output_is_kept_byte_for_byte() {
    let home = Home::new();
    let bytes = r"\000\377\n\r\n\033[0m no end";
    let ran = home.command(&["run", "--", "printf", bytes]).output();
    let output = ran.expect("the binary can be run");
    let expected = b"\0\xff\n\r\n\x1b[0m no end";
    assert_eq!(output.stdout, expected);
    let again = home.command(&["logs", "last"]).output();
    assert_eq!(again.expect("the binary can be run").stdout, expected);
}

#[test]
fn where_the_cap_cut_stderr_says_how_much_was_left_out() {
    const WRITTEN: usize = 20_000_000;
    let home = Home::new();
    let script = format!("yes | head -c {WRITTEN}");
    home.submit(&["--", "sh", "-c", &script]);
    drain_queues(&home);
    let logs = home.run(&["logs", "last"]);
    assert!(logs.stdout.len() <= 16 * 1024 * 1024);
    let said = logs.stderr.lines().next().expect("the cap cut something");
    let number = said.split(' ').nth(1).expect("longshore: N bytes …");
    let left_out: usize = number.parse().expect("a number of bytes");
    assert_eq!(logs.stdout.len() + left_out, WRITTEN, "{said}");
}

#[test]
fn waiting_gives_up_when_its_time_is_up() {
    let home = Home::new();
    let job = home.submit(&["--", "true"]);
    let ran = home.run(&["wait", &job, "--timeout", "100ms"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (124, ""),
        "{}",
        ran.report()
    );
    assert_eq!(home.state(&job), "queued");
}

#[test]
fn waiting_for_several_ends_as_the_first_that_did_not_complete() {
    let home = Home::new();
    let good = home.submit(&["--", "true"]);
    let bad = home.submit(&["--", "sh", "-c", "exit 5"]);
    let worse = home.submit(&["--", "sh", "-c", "exit 6"]);
    drain_queues(&home);
    let ran = home.run(&["wait", "--json", &good, &bad, &worse]);
    assert_eq!(ran.code, 5, "{}", ran.report());
    let ends: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let codes: Vec<_> = ends
        .as_array()
        .expect("an array")
        .iter()
        .map(|e| &e["exit_code"])
        .collect();
    assert_eq!(codes, [0, 5, 6]);
}

#[test]
fn with_json_logs_everything_a_worker_says_is_json() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let ran = home.run(&["worker", "--until-empty", "--log-format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.report());
    for line in ran.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["message"].is_string(), "{line}");
    }
    assert!(ran.stderr.contains("1 completed"), "{}", ran.report());
}
