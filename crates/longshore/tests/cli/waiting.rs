//! Nobody waits in silence: `run`, `submit --wait` and `wait` say why after a second, and again
//! when the reason changes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};

use super::support::{DEADLINE, Home, Running, wait_until};

/// What somebody says, as it comes: a silence longer than the deadline fails the test.
struct Said {
    pieces: Receiver<String>,
    all: String,
}

impl Said {
    fn by(from: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            // At the end, or when the test has heard enough.
            while let Ok(buffer) = reader.fill_buf() {
                let (length, text) = (buffer.len(), String::from_utf8_lossy(buffer).into_owned());
                if length == 0 || sender.send(text).is_err() {
                    return;
                }
                reader.consume(length);
            }
        });
        Self {
            pieces,
            all: String::new(),
        }
    }

    /// Waits until this was said.
    fn until(&mut self, text: &str) {
        while !self.all.contains(text) {
            match self.pieces.recv_timeout(DEADLINE) {
                Ok(piece) => self.all.push_str(&piece),
                Err(error) => panic!("{error}, and {text:?} was not said: {}", self.all),
            }
        }
    }
}

/// Starts it, and listens until it says this.
fn until_it_says(home: &Home, args: &[&str], text: &str) -> (Running, Said) {
    let mut running = home.spawn(args);
    let mut said = Said::by(running.stderr());
    said.until(text);
    (running, said)
}

/// Says why with each of the three commands that wait.
fn each_says(home: &Home, submit: &[&str], text: &str) {
    let wait = [&["submit", "--wait"], submit].concat();
    drop(until_it_says(home, &wait, text));
    drop(until_it_says(home, &["wait", "last"], text));
    let run = [&["run"], submit].concat();
    drop(until_it_says(home, &run, text));
}

#[test]
fn a_paused_queue_is_said_and_how_to_resume_it() {
    let home = Home::new();
    home.ok(&["queue", "pause", "local"]);
    let text = "waits: queue local is paused: `longshore queue resume local`";
    each_says(&home, &["--", "true"], text);
}

#[test]
fn a_time_to_come_is_said() {
    let home = Home::new();
    let submit = ["--at", "2999-01-01T00:00:00Z", "--", "true"];
    each_says(&home, &submit, "waits: due at 2999-01-01T00:00:00Z");
}

#[test]
fn a_job_on_hold_is_said_and_how_to_release_it() {
    let home = Home::new();
    let text = "waits: on hold: `longshore release` queues it";
    each_says(&home, &["--hold", "--", "true"], text);
}

#[test]
fn a_reached_limit_is_said_with_the_jobs_that_hold_it() {
    let home = Home::new();
    home.ok(&["queue", "limit", "local", "1"]);
    let folder = home.path().to_str().expect("temporary paths are UTF-8");
    let script = "until test -e go; do sleep 0.05; done";
    let holder = home.spawn(&["run", "-w", folder, "--", "sh", "-c", script]);
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    let id = home.json(&["show", "last"])["id"].to_string();
    let text = format!("waits: limit 1 of queue local is reached (by {id})");
    each_says(&home, &["--", "true"], &text);
    home.file("go", "");
    assert_eq!(holder.finish().code, 0);
}

#[test]
fn no_worker_is_said_with_the_command_that_starts_one() {
    let home = Home::new();
    let text = "waits: no live worker serves queue local: `longshore worker --queue local`";
    drop(until_it_says(
        &home,
        &["submit", "--wait", "--", "true"],
        text,
    ));
    drop(until_it_says(&home, &["wait", "last"], text));
}

#[test]
fn each_retry_to_come_is_said() {
    let home = Home::new();
    // The shortest of its delays is longer than anybody's patience.
    let strategy = ["--retry-strategy", "conservative", "--max-retries", "2"];
    let fails = ["--retry-exit-codes", "any", "--", "false"];
    let run = [&["run"], &strategy[..], &fails[..]].concat();
    let (_run, mut said) = until_it_says(&home, &run, "waits: retry 1 of 2 at ");
    said.until("waits: retry 2 of 2 at ");
}

#[test]
fn a_reason_that_changes_is_said_again() {
    let home = Home::new();
    home.ok(&["queue", "pause", "local"]);
    home.submit(&["--", "true"]);
    home.submit(&["--", "true"]);
    let (waiting, mut said) = until_it_says(&home, &["wait", "1", "2"], "is paused");
    home.ok(&["queue", "resume", "local"]);
    said.until("no live worker");
    said.until("(2 of 2 jobs have not ended)");
    home.ok(&["cancel", "1"]);
    home.ok(&["cancel", "2"]);
    assert_eq!(waiting.finish().code, 130);
}

#[test]
fn wait_says_that_a_job_runs() {
    let home = Home::new();
    let run = home.spawn(&["run", "--", "sleep", "1000"]);
    wait_until("there is a job", || home.run(&["show", "last"]).code == 0);
    home.wait_for_state("last", "running");
    let (wait, _) = until_it_says(&home, &["wait", "last"], "is running");
    home.ok(&["cancel", "last"]);
    assert_eq!(wait.finish().code, 130);
    assert_eq!(run.finish().code, 130);
}

/// Starts it with a terminal for its stderr, and listens to that.
fn on_a_terminal(home: &Home, args: &[&str]) -> (Running, Said) {
    let pty = nix::pty::openpty(None, None).expect("a terminal can be had");
    let mut command = home.command(args);
    command.env("TERM", "xterm").stderr(Stdio::from(pty.slave));
    let running = Running::start(&mut command);
    (running, Said::by(File::from(pty.master)))
}

#[test]
fn on_a_terminal_the_reason_is_a_status_line() {
    let home = Home::new();
    home.ok(&["queue", "pause", "local"]);
    let (waiting, mut said) = on_a_terminal(&home, &["submit", "--wait", "--", "true"]);
    said.until("waits: queue local is paused");
    let lines = said.all.matches("longshore: job").count();
    assert_eq!(lines, 0, "a status line, and no line: {}", said.all);
    drop(waiting);
}

#[test]
fn a_large_file_shows_how_far_it_is_on_a_terminal() {
    let home = Home::new();
    let file = home.file("jobs.jsonl", &"{\"command\":[\"true\"]}\n".repeat(10_000));
    let (submit, mut said) = on_a_terminal(&home, &["submit", "-f", &file]);
    said.until("checking jobs");
    said.until("submitting 10000 jobs in one batch");
    let ran = submit.finish();
    assert_eq!(ran.stdout.lines().count(), 10_000, "exit code {}", ran.code);
}
