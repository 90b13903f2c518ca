//! A reader that goes away ends a command quietly: what was asked is done, and a failure stays one.

use std::io::Read;

use super::support::Home;

fn many_jobs(home: &Home) {
    // More than a pipe holds (64 KiB), so that writing must meet the closed end.
    let line = format!("{{\"command\": [\"true\", \"{}\"]}}\n", "x".repeat(200));
    let ran = home.run_with(&["submit", "-f", "-"], &line.repeat(2000));
    assert_eq!(ran.code, 0, "{}", ran.report());
}

#[test]
fn a_closed_pipe_ends_a_list_quietly() {
    let home = Home::new();
    many_jobs(&home);
    for args in [
        &["list", "--all"][..],
        &["list", "--all", "--json"],
        &["stats"],
        &["--help"],
    ] {
        let mut running = home.spawn(args);
        drop(running.stdout());
        let ran = running.finish();
        assert_eq!(ran.stderr, "", "{args:?}");
        assert_eq!(ran.code, 0, "{args:?}");
    }
}

#[test]
fn a_pipe_that_closes_in_the_middle_ends_a_list_quietly() {
    let home = Home::new();
    many_jobs(&home);
    let mut running = home.spawn(&["list", "--all"]);
    let mut stdout = running.stdout();
    let mut head = [0; 100];
    stdout.read_exact(&mut head).expect("a list has a head");
    drop(stdout);
    let ran = running.finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_full_disk_behind_stdout_is_said() {
    let home = Home::new();
    let mut command = home.command(&["queue", "list"]);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = command.stdout(full.expect("Linux has /dev/full")).output();
    let output = output.expect("the binary can be run");
    let stderr = String::from_utf8(output.stderr).expect("errors are text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("longshore: writing to standard output: "),
        "{stderr}"
    );
}

#[test]
fn a_reader_that_leaves_run_ends_the_job() {
    let home = Home::new();
    let mut running = home.spawn(&["run", "--", "yes"]);
    let mut stdout = running.stdout();
    let mut head = [0; 2];
    stdout.read_exact(&mut head).expect("yes has a lot to say");
    drop(stdout);
    let ran = running.finish();
    assert_eq!(ran.code, 141, "128 + SIGPIPE: {}", ran.report());
    home.wait_for_state("last", "cancelled");
}

#[test]
fn what_was_asked_of_many_jobs_is_done_though_nobody_reads() {
    const JOBS: usize = 1200;
    let home = Home::new();
    let jobs = "{\"command\": [\"true\"]}\n".repeat(JOBS);
    let submitted = home.run_with(&["submit", "-f", "-"], &jobs).stdout;
    let ids: Vec<&str> = submitted.lines().collect();
    let mut running = home.spawn(&[&["cancel"], &ids[..]].concat());
    drop(running.stdout());
    let ran = running.finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let stats = home.json(&["stats"]);
    assert_eq!(stats["settled"]["cancelled"], JOBS, "{stats}");
}

#[test]
fn a_closed_pipe_hides_no_failure() {
    let home = Home::new();
    let job = home.submit(&["--", "true"]);
    let mut running = home.spawn(&["cancel", "99999", &job]);
    drop(running.stdout());
    let ran = running.finish();
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert_eq!(home.state(&job), "cancelled");
}

#[test]
fn waiting_that_nobody_reads_ends_as_run_does() {
    let home = Home::new();
    let worker = home.spawn(&["worker", "--poll-interval", "50ms"]);
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script = "until test -e go; do sleep 0.05; done; echo news; exit 9";
    let job = ["--workdir", folder, "--", "sh", "-c", script];
    let mut running = home.spawn(&[&["submit", "--wait"], &job[..]].concat());
    let mut stdout = running.stdout();
    let mut id = [0; 2];
    stdout.read_exact(&mut id).expect("the id comes first");
    drop(stdout);
    home.file("go", "");
    let ran = running.finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""), "128 + SIGPIPE");
    home.wait_for_state("last", "failed");

    let mut running = home.spawn(&["wait", "last"]);
    drop(running.stdout());
    let ran = running.finish();
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""), "128 + SIGPIPE");
    worker.signal("TERM");
    assert_eq!(worker.finish().code, 0);
}

#[test]
fn ids_that_could_not_be_written_are_named_as_submitted() {
    let home = Home::new();
    let jobs = home.file("jobs.jsonl", &"{\"command\": [\"true\"]}\n".repeat(3));
    let mut command = home.command(&["submit", "-f", &jobs]);
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = command.stdout(full.expect("Linux has /dev/full")).output();
    let output = output.expect("the binary can be run");
    let stderr = String::from_utf8(output.stderr).expect("errors are text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("submitted all the same: 1-3\n"), "{stderr}");
    assert!(stderr.contains("writing to standard output: "), "{stderr}");
}
