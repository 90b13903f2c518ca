//! `longshore demo`, and that its verdict can turn red.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::support::{Home, Ran};

/// One demo for all tests here: its witness as the jobs wrote it, and the folder that it is in.
fn kept() -> &'static (Home, String) {
    static KEPT: OnceLock<(Home, String)> = OnceLock::new();
    KEPT.get_or_init(|| {
        let home = Home::new();
        let ran = home.run(&["demo", "--keep", "demo"]);
        assert_eq!(ran.code, 0, "{}", ran.report());
        let last = ran.stdout.lines().last().expect("there is a verdict");
        let start = "verdict: PASSED: 30 jobs, each ran exactly once; limit 3 of queue demo-";
        assert!(last.starts_with(start), "{last}");
        assert!(
            last.ends_with("reached, never exceeded (max live 3)"),
            "{last}"
        );
        let witness = home.path().join("demo/witness.log");
        let text = fs::read_to_string(witness).expect("the demo keeps its witness");
        (home, text)
    })
}

/// Judges the kept demo with its witness edited, in a copy of its folder.
fn judge_edited(edit: impl FnOnce(Vec<&str>) -> Vec<String>) -> Ran {
    let (home, witness) = kept();
    let copy = Home::new();
    let folder = copy.path().join("demo");
    copy_folder(&home.path().join("demo"), &folder);
    let lines = edit(witness.lines().collect());
    fs::write(folder.join("witness.log"), lines.join("\n") + "\n").expect("the copy is ours");
    copy.run(&["demo", "--judge", "demo"])
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the home can be written");
    for entry in fs::read_dir(from).expect("the demo keeps its folder") {
        let entry = entry.expect("the folder can be read");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("files can be copied");
    }
}

fn owned(lines: Vec<&str>) -> Vec<String> {
    lines.into_iter().map(str::to_owned).collect()
}

#[track_caller]
fn assert_red(ran: &Ran, promise: &str) {
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        last.starts_with(&format!("verdict: VIOLATED {promise}: ")),
        "{last}"
    );
}

#[test]
fn an_untouched_witness_is_judged_as_before() {
    let ran = judge_edited(owned);
    assert_eq!(ran.code, 0, "{}", ran.report());
}

#[test]
fn a_doubled_start_turns_the_verdict_red() {
    let ran = judge_edited(|lines| {
        let mut lines = owned(lines);
        let start = lines
            .iter()
            .position(|line| line.starts_with("START"))
            .expect("jobs ran");
        lines.insert(start, lines[start].clone());
        lines
    });
    assert_red(&ran, "S2");
}

#[test]
fn a_second_run_of_an_ended_job_turns_the_verdict_red() {
    let ran = judge_edited(|lines| {
        let mut lines = owned(lines);
        let run: Vec<String> = ["START", "END"]
            .map(|mark| {
                lines
                    .iter()
                    .find(|line| line.starts_with(mark))
                    .expect("jobs ran")
                    .clone()
            })
            .into_iter()
            .collect();
        let job = run[0]
            .split(' ')
            .nth(1)
            .expect("a line names its job")
            .to_owned();
        let end = lines
            .iter()
            .find(|line| line.starts_with(&format!("END {job} ")));
        let end = end.expect("every job ended").clone();
        lines.extend([run[0].clone(), end]);
        lines
    });
    assert_red(&ran, "S4");
}

#[test]
fn a_lost_end_turns_the_verdict_red() {
    let ran = judge_edited(|lines| {
        let mut lines = owned(lines);
        let end = lines
            .iter()
            .rposition(|line| line.starts_with("END"))
            .expect("jobs ended");
        lines.remove(end);
        lines
    });
    assert_red(&ran, "S4");
}

#[test]
fn a_job_that_never_ran_turns_the_verdict_red() {
    let ran = judge_edited(|lines| {
        let job = lines[0]
            .split(' ')
            .nth(1)
            .expect("a line names its job")
            .to_owned();
        let of_job = |line: &&str| line.split(' ').nth(1) == Some(job.as_str());
        owned(lines.into_iter().filter(|line| !of_job(line)).collect())
    });
    assert_red(&ran, "S4");
}

#[test]
fn an_overlap_beyond_the_limit_turns_the_verdict_red() {
    let ran = judge_edited(|lines| {
        let mut lines = owned(lines);
        // Where three ran, one ended, and the next started: let the end come after the start.
        let mut live = 0;
        let full = lines.iter().position(|line| {
            let was_full = live == 3;
            live = if line.starts_with("START") {
                live + 1
            } else {
                live - 1
            };
            was_full
        });
        let full = full.expect("the limit was reached");
        let next_start = lines
            .iter()
            .skip(full)
            .position(|line| line.starts_with("START"));
        let next_start = next_start.expect("more jobs waited") + full;
        let start = lines.remove(next_start);
        lines.insert(full, start);
        lines
    });
    assert_red(&ran, "S3");
}

#[test]
fn a_torn_line_is_an_error_that_names_it() {
    let (home, witness) = kept();
    let copy = Home::new();
    let folder = copy.path().join("demo");
    copy_folder(&home.path().join("demo"), &folder);
    let torn = &witness[..witness.len() - 3];
    fs::write(folder.join("witness.log"), torn).expect("the copy is ours");
    let ran = copy.run(&["demo", "--judge", "demo"]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("line 60"), "{}", ran.stderr);
}

#[test]
fn a_folder_that_is_no_demo_is_refused_and_one_that_is_not_empty_too() {
    let home = Home::new();
    home.file("full/file", "");
    for args in [["demo", "--judge", "full"], ["demo", "--keep", "full"]] {
        let ran = home.run(&args);
        assert_eq!(ran.code, 2, "{}", ran.report());
    }
    assert!(home.path().join("full/file").exists());
}

/// A demo that is soon over.
const SMALL: [&str; 9] = [
    "demo",
    "--jobs",
    "4",
    "--workers",
    "2",
    "--limit",
    "2",
    "--keep",
    "demo",
];

fn record(home: &Home) -> serde_json::Value {
    let text = fs::read_to_string(home.path().join("demo/demo.json")).expect("a kept demo");
    serde_json::from_str(&text).expect("the record is JSON")
}

#[test]
fn a_demo_leaves_the_users_database_alone() {
    let home = Home::new();
    let mut demo = home.command(&SMALL);
    let child = demo.env("LONGSHORE_DATABASE_URL", "sqlite:mine.db").spawn();
    let child = child.expect("the binary can be run");
    let queue = format!("demo-{}", child.id());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert!(!home.path().join("mine.db").exists());
    assert!(home.path().join("demo/longshore.db").exists());
    // Ids of processes repeat from container to container.
    assert_ne!(record(&home)["queue"], queue);
}

#[test]
fn a_demo_in_a_named_database_is_judged_there_and_its_hint_names_it() {
    let home = Home::new();
    let ran = home.run(&[&SMALL[..], &["--database", "sqlite:mine.db"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.report());
    let mine = home
        .path()
        .join("mine.db")
        .canonicalize()
        .expect("it is there");
    let look = format!("longshore --database sqlite:{} list", mine.display());
    assert!(ran.stderr.contains(&look), "{}", ran.report());
    assert!(!home.path().join("demo/longshore.db").exists());
    // From elsewhere, and whatever the variable says.
    let folder = home.path().join("demo");
    let folder = folder.to_str().expect("temporary paths are UTF-8");
    let mut judge = home.command(&["demo", "--judge", folder]);
    let judge = judge
        .current_dir("/")
        .env("LONGSHORE_DATABASE_URL", "sqlite:other.db");
    let judged = judge.output().expect("the binary can be run");
    assert!(judged.status.success(), "{judged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_demo_holds_no_password_and_judging_asks_for_it() {
    let scene = crate::scene::Scene::on_postgres().await;
    let home = &scene.home;
    let address = with_password(&scene.address);
    let ran = home.run(&[&SMALL[..], &["--database", &address]].concat());
    assert_eq!(ran.code, 0, "{}", ran.report());
    assert!(!ran.report().contains("hunter2"), "{}", ran.report());
    assert!(!record(home).to_string().contains("hunter2"));

    let judge = ["demo", "--judge", "demo"];
    let ran = home.run(&judge);
    assert_eq!(ran.code, 2, "{}", ran.report());
    assert!(
        ran.stderr.contains("hint: name it whole: --database"),
        "{}",
        ran.report()
    );
    let ran = home.run(&[&judge[..], &["--database", &address]].concat());
    assert_eq!(ran.code, 0, "{}", ran.report());
    // Also where the variable means the same database.
    let mut judge = home.command(&judge);
    let judged = judge.env("LONGSHORE_DATABASE_URL", &address).output();
    let judged = judged.expect("the binary can be run");
    assert!(judged.status.success(), "{judged:?}");
}

/// The server of the tests asks for no password, and is content with any.
fn with_password(address: &str) -> String {
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}password=hunter2")
}
