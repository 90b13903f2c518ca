//! `cargo xtask teeth`: every planted bug is caught, by the test and for the promise that are named.
//!
//! Owns the run of the table ([`table`]) and what counts as a catch. A test build has the bugs as
//! switches; each row's test runs alone in a process, without the bug and with it. Without, it must
//! report that it passed; with it, that the row's promise was violated. A missing report (a panic, an
//! abort, a time-out), `unknown`, or another promise is no catch: the bug survived, and the command
//! fails. What was seen goes into `TEETH.md`.

mod report;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::engine::Engines;
use crate::metadata::cargo;
use crate::postgres::{Cluster, binaries};
use crate::process::check;
use report::{Row, Seen};
use table::TABLE;

/// How long one test may take: ten times what the slowest needs.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Between two looks at whether a test has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// What a person may say about the run.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Only the rows of these bugs; `TEETH.md` stays as it is.
    bugs: Vec<String>,
    /// Also build the release binary, and show that it contains no name of a point or bug.
    #[arg(long)]
    release: bool,
}

/// Where the tests find what they need beside themselves.
struct Around<'a> {
    cluster: &'a Cluster,
    engines: Option<&'a Engines>,
}

impl Around<'_> {
    fn visible_to<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        if let Some(engines) = self.engines {
            engines.visible_to(command);
        }
        self.cluster.visible_to(command)
    }
}

/// Runs the rows, with engines of its own where there can be any.
pub fn alone(root: &Path, arguments: &Arguments) -> Result<()> {
    let engines = crate::test::engines()?;
    run(root, arguments, engines.as_ref())?;
    engines.map_or(Ok(()), Engines::stop)
}

/// Runs the rows; fails when a bug survives. Without an engine, rows whose tests need one are left out,
/// and said so.
pub fn run(root: &Path, arguments: &Arguments, engines: Option<&Engines>) -> Result<()> {
    let begun = Instant::now();
    if let Some(unknown) = arguments.bugs.iter().find(|bug| rows_of(bug) == 0) {
        let known: BTreeSet<&str> = TABLE.iter().map(|row| row.bug).collect();
        bail!("no row is for {unknown:?}; there are {known:?}");
    }
    let tests = build(root)?;
    let cluster = Cluster::start(&binaries::find_or_install()?, None)?;
    let around = Around {
        cluster: &cluster,
        engines,
    };
    if arguments.bugs.is_empty() {
        run_faults(&tests, &around)?;
    }
    let rows = TABLE
        .iter()
        .filter(|row| arguments.bugs.is_empty() || arguments.bugs.iter().any(|bug| bug == row.bug));
    let mut seen = Vec::new();
    for row in rows {
        if engines.is_none() && row.test.contains("container") {
            eprintln!("{}: left out, for there is no container engine", row.bug);
            continue;
        }
        let clean = run_test(&tests, &around, row.test, None)?;
        let planted = run_test(&tests, &around, row.test, Some(row.bug))?;
        let row = Row {
            of: row,
            clean,
            planted,
        };
        eprintln!("{row}");
        seen.push(row);
    }
    cluster.stop()?;
    if arguments.bugs.is_empty() {
        let path = root.join("TEETH.md");
        fs::write(&path, report::document(&seen)).context("cannot write TEETH.md")?;
    }
    // The test build's binary lies where people's does: put that back.
    let words = ["build", "--locked", "-p", "longshore"];
    check(Command::new(cargo()).args(words).current_dir(root))?;
    if arguments.release {
        show_release_is_clean(root)?;
    }
    let survivors = seen.iter().filter(|row| !row.is_caught()).count();
    if survivors > 0 {
        bail!("{survivors} of {} rows are no catch", seen.len());
    }
    let bugs: BTreeSet<&str> = seen.iter().map(|row| row.of.bug).collect();
    let seconds = begun.elapsed().as_secs();
    eprintln!(
        "cargo xtask teeth: {} bugs caught in {} rows, {seconds} s",
        bugs.len(),
        seen.len()
    );
    Ok(())
}

fn rows_of(bug: &str) -> usize {
    TABLE.iter().filter(|row| row.bug == bug).count()
}

/// Builds the concurrency tests with the bugs in them, in the ordinary target folder: only our own
/// crates differ.
fn build(root: &Path) -> Result<PathBuf> {
    let words = [
        "test",
        "--no-run",
        "--locked",
        "-p",
        "longshore",
        "--test",
        "concurrency",
    ];
    let output = Command::new(cargo())
        .args(words)
        .args([
            "--features",
            "faults",
            "--message-format=json-render-diagnostics",
        ])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("the test build failed");
    }
    let lines = String::from_utf8(output.stdout).context("cargo speaks UTF-8")?;
    let built = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Built>(line).ok());
    built
        .filter(|built| built.target.name == "concurrency")
        .find_map(|built| built.executable)
        .context("cargo built no test binary")
}

/// Of cargo's messages, what names a binary.
#[derive(Deserialize)]
struct Built {
    target: Target,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Tests whose gates are all in worker processes of their own, and who mostly wait: for leases to end, for
/// containers to stop.
const BESIDE_EACH_OTHER: [&str; 2] = ["faults::deaths::", "faults::signals::"];

/// Runs every test that needs the fault points, without a bug: nothing else runs them.
fn run_faults(tests: &Path, around: &Around<'_>) -> Result<()> {
    let run = |words: &[&str]| {
        let mut command = Command::new(tests);
        command
            .args(words)
            .env_remove("LONGSHORE_BUG")
            .stdin(Stdio::null());
        check(around.visible_to(&mut command)).context("a fault is not survived")
    };
    let [deaths, signals] = BESIDE_EACH_OTHER;
    run(&[deaths, signals, "--test-threads=4"])?;
    // One at a time: a gate for a thread of the product's own is for the whole process.
    run(&[
        "faults::",
        "--skip",
        deaths,
        "--skip",
        signals,
        "--test-threads=1",
    ])
}

/// Runs one test alone; what it reported, or why there is no report.
fn run_test(tests: &Path, around: &Around<'_>, test: &str, bug: Option<&str>) -> Result<Seen> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let report = folder.path().join("report");
    let mut command = Command::new(tests);
    command
        .args(["--exact", test])
        .env("LONGSHORE_TEETH_REPORT", &report)
        .env_remove("LONGSHORE_BUG")
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(bug) = bug {
        command.env("LONGSHORE_BUG", bug);
    }
    let begun = Instant::now();
    let mut child = around
        .visible_to(&mut command)
        .spawn()
        .context("cannot start the tests")?;
    while child
        .try_wait()
        .context("cannot wait for a test")?
        .is_none()
    {
        if begun.elapsed() > TEST_TIMEOUT {
            child.kill().context("cannot end a test")?;
            child.wait().context("cannot wait for a test")?;
            return Ok(Seen::none("it did not end in time"));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(match fs::read_to_string(&report) {
        Ok(reported) => Seen::read(&reported, test),
        Err(_) => Seen::none("no report: it panicked, or there is no such test"),
    })
}

/// Searches the release binary for the names. That such a search finds them is shown by the test of
/// the binary in `crates/longshore/tests/cli/names.rs`, on a build that has them.
fn show_release_is_clean(root: &Path) -> Result<()> {
    let words = ["build", "--release", "--locked", "-p", "longshore"];
    check(Command::new(cargo()).args(words).current_dir(root))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = fs::read(target.join("release/longshore")).context("cannot read the binary")?;
    let names = longshore_fault::NAMES;
    if let Some(found) = names.iter().find(|name| contains(&binary, name)) {
        bail!("the release binary contains {found:?}");
    }
    eprintln!("the release binary contains none of {} names", names.len());
    Ok(())
}

fn contains(bytes: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    let starts = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == name[0]);
    starts
        .into_iter()
        .any(|(at, _)| bytes[at..].starts_with(name))
}
