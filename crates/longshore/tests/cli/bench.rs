//! `bench`: each mode gives figures of work that was done, and what it measures on is gone afterwards,
//! however it ends.

use std::fs;
use std::path::{Path, PathBuf};

use longshore_postgres::testing::TestDatabase;
use tokio::runtime::Runtime;

use crate::support::{Home, Running, wait_until};

/// More jobs than any machine drains before a test is done with it.
const ENDLESS: [&str; 4] = ["bench", "drain", "--jobs", "10000000"];

/// More than the tables alone put into the log of a new file.
const A_BATCH_BYTES: u64 = 512 * 1024;

/// A bench on a file that goes on for long, once it submits; and its folder.
fn begun(home: &Home) -> (Running, PathBuf) {
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).expect("the home can be written");
    let mut bench = home.command(&ENDLESS);
    let bench = Running::start(bench.env("TMPDIR", &temporary));
    let find = || entries(&temporary).into_iter().next();
    wait_until("the bench submits", || {
        let log = find().and_then(|folder| fs::metadata(folder.join("bench.db-wal")).ok());
        log.is_some_and(|log| log.len() > A_BATCH_BYTES)
    });
    let folder = find().expect("it was there");
    (bench, folder)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect()
}

#[test]
fn a_bench_on_a_file_removes_it() {
    let home = Home::new();
    let mut bench = home.command(&["bench", "drain", "--jobs", "50", "--json"]);
    let ran = Running::start(bench.env("TMPDIR", home.path())).finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert_eq!(report["jobs"], 50);
    assert_eq!(entries(home.path()), Vec::<PathBuf>::new());
}

/// Runs each mode briefly, and holds each of the figures that it must give to be above nothing. Figures
/// that the store has no word for are null.
fn each_mode_gives_figures(database: &str) {
    let small = [
        (
            "drain --jobs 300 --processes 2 --queues 3 --limit 7",
            "/jobs_per_second",
        ),
        ("submit --jobs 50 --batch 1 --clients 4", "/jobs_per_second"),
        ("submit --jobs 50 --batch 20", "/call/median_ms"),
        (
            "latency --jobs 5 --pause 1ms",
            "/submitted_to_running/p99_ms",
        ),
        ("backlog --backlog 1000,2000 --jobs 1000", "/lines/1/ratio"),
        ("pinned --time 100ms --backlog 1000", "/ratio"),
        (
            "limits --jobs 200 --rounds 2 --limit 5 --queues 10",
            "/limited_ratio",
        ),
        ("limits --jobs 200 --rounds 1 --queues 10", "/queues_ratio"),
        ("idle --workers 3 --settle 1s --time 200ms", "/millicores"),
        ("memory --jobs 20 --time 100ms", "/most_mib"),
    ];
    for (mode, figure) in small {
        let home = Home::new();
        let words: Vec<&str> = mode.split(' ').collect();
        let how = ["--json", "--database", database];
        let mut bench = home.command(&[&["bench"], &words[..], &how].concat());
        let ran = Running::start(bench.env("TMPDIR", home.path())).finish();
        assert_eq!(ran.code, 0, "{mode}: {}", ran.report());
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
        let seen = report.pointer(figure).and_then(serde_json::Value::as_f64);
        assert!(seen > Some(0.0), "{mode}: {figure} of {report}");
        assert_eq!(entries(home.path()), Vec::<PathBuf>::new(), "{mode}");
    }
}

#[test]
fn each_mode_gives_figures_on_a_file() {
    each_mode_gives_figures("sqlite:of-no-matter.db");
}

#[test]
fn each_mode_gives_figures_on_a_server() {
    let runtime = Runtime::new().expect("a runtime can be had");
    let _entered = runtime.enter();
    let database = runtime.block_on(TestDatabase::create());
    each_mode_gives_figures(&database.url());
}

#[test]
fn a_bench_of_launches_runs_its_containers_and_leaves_nothing() {
    let Some(engine) = crate::support::engine::or_skip() else {
        return;
    };
    let home = Home::new();
    let on = ["--docker-host", &engine.address, "--image", &engine.image];
    let launch = ["bench", "launch", "--jobs", "3", "--json"];
    let mut bench = home.command(&[&launch[..], &on].concat());
    let ran = Running::start(bench.env("TMPDIR", home.path())).finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    assert!(
        report["containers_per_second"].as_f64() > Some(0.0),
        "{report}"
    );
    assert_eq!(entries(home.path()), Vec::<PathBuf>::new());
}

/// A guard, and no measurement: whoever sends a statement for each job, in any place, has a hundred times as
/// many.
#[test]
fn a_drain_takes_far_fewer_transactions_than_jobs() {
    let runtime = Runtime::new().expect("a runtime can be had");
    let _entered = runtime.enter();
    let database = runtime.block_on(TestDatabase::create());
    let home = Home::new();
    let drain = "bench drain --jobs 10000 --max-concurrent 1000 --json --database";
    let url = database.url();
    let words: Vec<&str> = drain.split(' ').chain([&*url]).collect();
    let ran = home.spawn(&words).finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one document");
    let each = report["cost_per_job"]["transactions"].as_f64();
    let each = each.expect("the server counts them");
    assert!(each < 0.1, "{each}");
}

#[test]
fn an_interrupted_bench_removes_its_file() {
    for signal in ["TERM", "INT"] {
        let home = Home::new();
        let (bench, folder) = begun(&home);
        bench.signal(signal);
        let ran = bench.finish();
        assert_eq!(ran.code, 130, "{signal}: {}", ran.report());
        assert!(!folder.exists(), "{signal}: {} is left", folder.display());
    }
}

#[test]
fn an_interrupted_bench_drops_its_database() {
    let runtime = Runtime::new().expect("a runtime can be had");
    let _entered = runtime.enter();
    let database = runtime.block_on(TestDatabase::create());
    let client = runtime.block_on(database.client());
    let benches = || -> Vec<String> {
        let list = "SELECT datname FROM pg_database WHERE datname LIKE 'longshore_bench_%'";
        let rows = runtime.block_on(client.query(list, &[]));
        let rows = rows.expect("the server answers").into_iter();
        rows.map(|row| row.get(0)).collect()
    };
    // Whatever others have on the same server.
    let before = benches();
    let mine = || benches().into_iter().find(|name| !before.contains(name));
    let home = Home::new();
    let bench = home.spawn(&[&ENDLESS[..], &["--database", &database.url()]].concat());
    wait_until("the bench has its database", || mine().is_some());
    let name = mine().expect("it was there");
    bench.signal("TERM");
    let ran = bench.finish();
    assert_eq!(ran.code, 130, "{}", ran.report());
    assert!(!benches().contains(&name), "{name} is left");
}

#[test]
fn a_limit_of_nothing_is_refused_since_nothing_would_ever_end() {
    let home = Home::new();
    let bench = home.spawn(&["bench", "drain", "--jobs", "1", "--limit", "0"]);
    let ran = bench.finish();
    assert_eq!(ran.code, 2, "{}", ran.report());
}
