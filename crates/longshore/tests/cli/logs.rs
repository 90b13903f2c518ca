//! `longshore logs`: the last lines, those since a time, whose and when, and as they come.

use std::io::{BufRead as _, BufReader};

use super::support::Home;

/// A home with a job that wrote six lines in a known order: what went to the one output was stored
/// before anything went to the other (of two pipes nobody can say which was written first).
fn a_home_with_lines() -> Home {
    let home = Home::new();
    let script = "await() { until test -e \"$1\"; do sleep 0.05; done; }; \
                  echo one; echo two; await err; echo oh >&2; await out; \
                  echo three; echo four; printf five";
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let run = home.spawn(&["run", "-w", folder, "--", "sh", "-c", script]);
    for (stderr, next) in [("", "err"), ("oh\n", "out")] {
        super::support::wait_until("the lines so far are stored", || {
            let logs = home.run(&["logs", "last"]);
            logs.stdout == "one\ntwo\n" && logs.stderr == stderr
        });
        home.file(next, "");
    }
    assert_eq!(run.finish().code, 0);
    home
}

#[test]
fn the_last_lines_are_counted_over_both_outputs() {
    let home = a_home_with_lines();
    let tail = |args: &[&str]| {
        let ran = home.run(&[&["logs", "last"], args].concat());
        (ran.stdout, ran.stderr)
    };
    let both = |out: &str, err: &str| (out.to_owned(), err.to_owned());
    assert_eq!(tail(&["--tail", "0"]), both("", ""));
    assert_eq!(tail(&["--tail", "1"]), both("five", ""));
    assert_eq!(tail(&["-n", "3"]), both("three\nfour\nfive", ""));
    assert_eq!(tail(&["-n", "4"]).1, "oh\n");
    let all = both("one\ntwo\nthree\nfour\nfive", "oh\n");
    assert_eq!(tail(&["-n", "100"]), all);
    assert_eq!(tail(&["-n", "all"]), all);
    assert_eq!(
        tail(&["-n", "2", "--stdout"]),
        both("four\nfive", ""),
        "of what is shown"
    );
    // Following begins with the last lines too, and ends with the job.
    assert_eq!(tail(&["-f", "-n", "2"]), both("four\nfive", ""));
    let ran = home.run(&["logs", "last", "--tail", "some"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
}

#[test]
fn lines_say_when_they_were_stored_and_can_be_asked_for_by_that() {
    let home = a_home_with_lines();
    let marked = home.ok(&["logs", "last", "--timestamps"]);
    let lines: Vec<(&str, &str)> = marked
        .lines()
        .map(|line| line.split_once(' ').expect("a time and a line"))
        .collect();
    let texts: Vec<&str> = lines.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, ["one", "two", "three", "four", "five"]);
    let times: Vec<&str> = lines.iter().map(|(time, _)| *time).collect();
    assert!(times.is_sorted(), "{marked}");
    // "three" was written after "two" had been stored.
    let since = times[2];
    assert!(since > times[1], "{marked}");
    let later = home.ok(&["logs", "last", "--since", since]);
    assert_eq!(later, "three\nfour\nfive");
    assert_eq!(
        home.ok(&["logs", "last", "--since", "1h"]),
        "one\ntwo\nthree\nfour\nfive"
    );
    assert_eq!(home.ok(&["logs", "last", "--since", "0s"]), "");
}

#[test]
fn lines_of_several_jobs_say_whose_they_are() {
    let home = Home::new();
    assert_eq!(home.run(&["run", "--", "echo", "first"]).code, 0);
    assert_eq!(home.run(&["run", "--", "printf", "second"]).code, 0);
    let ran = home.run(&["logs", "1", "99", "2"]);
    assert_eq!(ran.stdout, "1 | first\n2 | second\n");
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("there is no job 99"),
        "{}",
        ran.report()
    );
}

#[test]
fn several_jobs_are_followed_at_once_to_the_end_of_the_last() {
    let home = Home::new();
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script =
        |name: &str, of: &str| format!("until test -e {of}; do sleep 0.05; done; echo {name}");
    for (name, of) in [("slow", "last"), ("quick", "first")] {
        home.submit(&["-w", folder, "--", "sh", "-c", &script(name, of)]);
    }
    let worker = home.spawn(&["worker", "--until-empty", "--poll-interval", "100ms"]);
    let mut logs = home.spawn(&["logs", "-f", "1", "2"]);
    let mut lines = BufReader::new(logs.stdout()).lines();
    home.file("first", "");
    let line = lines.next().expect("it goes on").expect("it writes text");
    assert_eq!(line, "2 | quick");
    home.file("last", "");
    let line = lines.next().expect("it goes on").expect("it writes text");
    assert_eq!(line, "1 | slow");
    assert!(lines.next().is_none());
    assert_eq!(logs.finish().code, 0);
    assert_eq!(worker.finish().code, 0);
}
