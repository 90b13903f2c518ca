//! `run` where nobody else works: in its own process.

use std::path::Path;
use std::time::{Duration, Instant};

use super::running::{UNTIL_GO, WORKER, folder, next_line_with};
use super::support::{Home, wait_until};

#[test]
fn run_works_here_once_the_last_worker_drains() {
    let home = Home::new();
    let worker = home.spawn(&[&WORKER[..], &["--shutdown-timeout", "1h"]].concat());
    let args = ["--workdir", folder(&home), "--", "sh", "-c", UNTIL_GO];
    let blocker = home.submit(&args);
    home.wait_for_state(&blocker, "running");
    let run = home.spawn(&["run", "--", "echo", "here"]);
    wait_until("run has submitted its job", || {
        home.json(&["stats"])["metrics"]["queue_depth"] == 1
    });
    worker.signal("TERM");
    let run = run.finish();
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "here\n"),
        "{}",
        run.report()
    );
    assert_eq!(home.state(&blocker), "running", "the worker kept its own");
    home.file("go", "");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn a_third_ctrl_c_in_run_kills_a_job_that_will_not_end() {
    const GRACE: Duration = Duration::from_secs(20);
    let home = Home::new();
    let script = "trap '' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 0.1; done";
    let grace = format!("{}s", GRACE.as_secs());
    let mut run = home.spawn(&[
        "run",
        "--workdir",
        folder(&home),
        "--stop-grace",
        &grace,
        "--",
        "sh",
        "-c",
        script,
    ]);
    let pid = home.path().join("pid");
    wait_until("the job ignores TERM", || pid.exists());
    home.wait_for_state("last", "running");
    let mut stderr = run.stderr_lines();
    let begun = Instant::now();
    run.signal("INT");
    next_line_with(&mut stderr, "Ctrl-C again does not wait for it");
    run.signal("INT");
    next_line_with(&mut stderr, "not waiting for it");
    next_line_with(&mut stderr, "stop grace");
    run.signal("INT");
    let ran = run.finish();
    assert!(begun.elapsed() < GRACE, "it was waited for all the same");
    assert_eq!(ran.code, 130, "{}", ran.report());
    let rest = stderr.rest();
    assert!(rest.contains("killed what ran here"), "{rest}");
    let pid = std::fs::read_to_string(pid).expect("the job wrote it");
    let process = Path::new("/proc").join(pid.trim());
    wait_until("the job's process is gone", || !process.exists());
}

#[test]
fn run_names_no_missing_worker_while_it_works_here_itself() {
    let home = Home::new();
    // Between its attempts the job waits for longer than it takes to be said why something waits.
    let ran = home.run(&[
        "run",
        "--retry-exit-codes",
        "any",
        "--max-retries",
        "1",
        "--retry-strategy",
        "default",
        "--",
        "sh",
        "-c",
        "exit 3",
    ]);
    assert_eq!(ran.code, 3, "{}", ran.report());
    assert!(!ran.stderr.contains("no live worker"), "{}", ran.report());
    assert_eq!(home.json(&["show", "last"])["attempts"], 2);
}
