//! `run` and `worker` beside others of their kind, and what signals come to.

use std::process::{Command, Stdio};

use super::support::{Home, Lines, Running, wait_until};

/// A worker that looks often and notices requests soon.
pub(super) const WORKER: [&str; 9] = [
    "worker",
    "--poll-interval",
    "50ms",
    "--heartbeat",
    "500ms",
    "--lease-ttl",
    "2s",
    "--max-concurrent",
    "1",
];
/// A job that goes on until the test lets it.
pub(super) const UNTIL_GO: &str = "until test -e go; do sleep 0.05; done";

pub(super) fn folder(home: &Home) -> &str {
    home.path().to_str().expect("temporary paths are UTF-8")
}

/// Starts `run` with a job that works in the home.
fn run_script(home: &Home, script: &str) -> Running {
    let args = ["run", "--workdir", folder(home), "--", "sh", "-c", script];
    home.spawn(&args)
}

pub(super) fn next_line_with(stderr: &mut Lines, text: &str) {
    while !stderr.next_line().contains(text) {}
}

#[test]
fn one_run_does_not_wait_for_another() {
    let home = Home::new();
    let first = run_script(&home, UNTIL_GO);
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    let second = home.spawn(&["run", "--", "echo", "second"]).finish();
    assert_eq!(
        (second.code, second.stdout.as_str()),
        (0, "second\n"),
        "{}",
        second.report()
    );
    home.file("go", "");
    assert_eq!(first.finish().code, 0);
}

#[test]
fn run_leaves_its_job_to_a_worker_that_serves() {
    let home = Home::new();
    let worker = home.spawn(&WORKER);
    wait_until("the worker serves", || {
        home.json(&["workers"]).as_array().map(Vec::len) == Some(1)
    });
    assert_eq!(home.ok(&["run", "--", "echo", "there"]), "there\n");
    let workers = home.json(&["workers", "--all"]);
    assert_eq!(workers.as_array().map(Vec::len), Some(1), "{workers}");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_job_that_runs_elsewhere() {
    let home = Home::new();
    let worker = home.spawn(&[&WORKER[..], &["--shutdown-timeout", "100ms"]].concat());
    wait_until("the worker serves", || {
        home.json(&["workers"]).as_array().map(Vec::len) == Some(1)
    });
    let mut run = run_script(
        &home,
        "trap '' TERM; touch begun; until test -e go; do sleep 0.05; done",
    );
    let begun = home.path().join("begun");
    wait_until("the job ignores TERM", || begun.exists());
    let mut stderr = run.stderr_lines();
    run.signal("INT");
    next_line_with(&mut stderr, "Ctrl-C again does not wait for it");
    run.signal("INT");
    assert_eq!(run.finish().code, 130);
    let rest = stderr.rest();
    assert!(
        rest.contains("not waiting for it") && !rest.contains("grace"),
        "{rest}"
    );
    home.file("go", "");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_worker_whose_terminal_goes_away_drains() {
    let home = Home::new();
    let worker = home.spawn(&[&WORKER[..], &["--shutdown-timeout", "1h"]].concat());
    let args = ["--workdir", folder(&home), "--", "sh", "-c", UNTIL_GO];
    let job = home.submit(&args);
    home.wait_for_state(&job, "running");
    worker.signal("HUP");
    wait_until("the worker drains", || {
        home.json(&["workers"])[0]["draining"] == true
    });
    // Terminals say it more than once: that is no haste.
    worker.signal("HUP");
    home.file("go", "");
    let ran = worker.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let last = ran.stderr.lines().last().expect("a worker has a last line");
    assert!(
        last.contains("drained") && last.contains("1 completed"),
        "{last}"
    );
}

#[test]
fn a_worker_under_nohup_outlives_its_terminal() {
    let home = Home::new();
    let worker = home.command(&WORKER);
    let mut nohup = Command::new("sh");
    nohup
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(worker.get_program())
        .args(worker.get_args())
        .current_dir(home.path())
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let worker = Running::start(&mut nohup);
    let first = home.submit(&["--", "true"]);
    home.wait_for_state(&first, "completed");
    worker.signal("HUP");
    let second = home.submit(&["--", "true"]);
    home.wait_for_state(&second, "completed");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}
