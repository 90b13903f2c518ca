//! Logs, on stderr: coloured by the same rule as everything else.

use crate::support::{Home, Running};

/// The log of a worker whose grace time is over, on a pipe.
fn log(args: &[&str], variables: &[(&str, &str)]) -> String {
    let home = Home::new();
    let job = home.submit(&["--", "sleep", "300"]);
    let mut command = home.command(&[&["worker", "--shutdown-timeout", "10ms"], args].concat());
    let worker = Running::start(command.envs(variables.iter().copied()));
    home.wait_for_state(&job, "running");
    worker.signal("TERM");
    let log = worker.finish().stderr;
    assert!(log.contains("INFO"), "it logs: {log}");
    log
}

#[test]
fn logs_are_coloured_as_the_flag_says() {
    assert!(log(&["--color", "always"], &[]).contains("\x1b["));
    // As with stdout: what a person asks for by hand goes over the variable.
    assert!(log(&["--color", "always"], &[("NO_COLOR", "1")]).contains("\x1b["));
    for args in [&["--color", "never"][..], &[]] {
        assert!(!log(args, &[]).contains("\x1b["), "{args:?}");
    }
}
