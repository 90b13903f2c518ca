//! A reader that goes away ends a command quietly.

use std::io::Read;

use crate::support::Home;

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
