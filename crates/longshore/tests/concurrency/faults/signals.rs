//! A real SIGTERM to a real worker at each of its fault points: nothing lost, nothing doubled.
//!
//! The worker stops at the point and is told to stop while it stands there; then it goes on. Whatever it
//! leaves, a second worker ends. Jobs are processes that write their own START and END, so that each of
//! them is seen to run once to its end, and never two of one job at once.

use std::fs;
use std::path::Path;

use longshore::{JobSpec, State};
use longshore_fault::Workers;
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use tokio::time::timeout;

use crate::ledger;
use crate::scene::Scene;
use crate::support::Running;
use crate::workplace::{PATIENCE, QUEUE, finish, make_queue, submit, worker};

/// The points that a worker with jobs comes to before it is told to stop.
const POINTS: &[&str] = &[
    "acquire.before_send",
    "acquire.answered",
    "acquire.admitted",
    "launch.begun",
    "launch.before_create",
    "launch.created",
    "launch.before_fence",
    "launch.fenced",
    "launch.watched",
    "launch.before_start",
    "launch.started",
    "supervise.before_mark",
    "supervise.marked",
    "supervise.ended",
    "supervise.pumped",
    "finish.before_hand_in",
    "finish.before_send",
    "finish.answered",
    "finish.before_remove",
    "heartbeat.before_send",
    "heartbeat.answered",
];

const JOBS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_that_is_told_to_stop_at_any_point_loses_and_doubles_nothing_on_sqlite() {
    let mut judged = Judged::Passed;
    for point in POINTS {
        let here = told_to_stop_at(point, Scene::on_sqlite()).await;
        judged = judged.and(|| here);
    }
    conclude(&judged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_that_is_told_to_stop_at_any_point_loses_and_doubles_nothing_on_postgres() {
    let mut judged = Judged::Passed;
    for point in POINTS {
        let here = told_to_stop_at(point, Scene::on_postgres().await).await;
        judged = judged.and(|| here);
    }
    conclude(&judged);
}

async fn told_to_stop_at(point: &'static str, scene: Scene) -> Judged {
    let store = scene.store().await;
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..JOBS).map(|_| that_writes(&scene))).await;
    let socket = scene.home.path().join("points");
    let points = Workers::listen(&socket).expect("a socket in the home");
    // The second time, so that something has gone its way before.
    let nth = if point.starts_with("acquire") { 1 } else { 2 };
    let gate = points.at(point, nth);
    let mut first = stopped_at(&scene, &socket);
    let arrived = timeout(PATIENCE, gate.arrived()).await.is_ok();
    first.signal("TERM");
    let mut said = first.stderr_lines();
    let drains = tokio::task::spawn_blocking(move || {
        while !said.next_line().contains("draining: nothing more is taken") {}
        said
    });
    let said = drains.await.expect("it says that it drains");
    gate.go();
    let ended = tokio::task::spawn_blocking(move || first.finish());
    let ran = ended.await.expect("it ends");
    drop((said, points));
    finish(vec![worker(&scene, &["--until-empty"])]).await;
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let lost = details
        .iter()
        .filter(|job| job.summary.state != State::Completed);
    let lost: Vec<_> = lost
        .map(|job| (job.summary.id, job.summary.state))
        .collect();
    holds("S4", lost.is_empty(), || format!("at {point}: {lost:?}"))
        .and(|| once_at_a_time(point, &scene))
        .and(|| {
            holds("S10", ran.code == 0, || {
                format!("at {point}: {}", ran.report())
            })
        })
        .and(|| at_rest)
        .and(|| exercised(arrived, || format!("{point} was not reached")))
}

/// A job that writes when it starts and when it ends.
fn that_writes(scene: &Scene) -> JobSpec {
    let script = r#"
        printf 'START %s\n' "$LONGSHORE_JOB_ID" >>ledger
        sleep 0.05
        printf 'END %s\n' "$LONGSHORE_JOB_ID" >>ledger"#;
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    let mut spec = JobSpec::process(["sh", "-c", script]);
    spec.queue = Some(QUEUE.to_owned());
    spec.working_directory = Some(folder.to_owned());
    spec
}

/// A worker whose points ask at this socket.
fn stopped_at(scene: &Scene, socket: &Path) -> Running {
    let on = ["worker", "--queue", QUEUE, "--database", &scene.address];
    let pace = [
        "--poll-interval",
        "100ms",
        "--heartbeat",
        "500ms",
        "--lease-ttl",
        "30s",
    ];
    let mut command = scene.home.command(&[&on[..], &pace].concat());
    Running::start(command.env("LONGSHORE_FAULT_SOCKET", socket))
}

/// Each job ended once; a start is followed by its end, or by a later start where it was stopped.
fn once_at_a_time(point: &str, scene: &Scene) -> Judged {
    let ledger = fs::read_to_string(scene.home.path().join("ledger")).unwrap_or_default();
    for job in 1..=JOBS {
        let lines: Vec<&str> = ledger
            .lines()
            .filter_map(|line| line.strip_suffix(&format!(" {job}")))
            .collect();
        let ends = lines.iter().filter(|word| **word == "END").count();
        let is_last = lines.last() == Some(&"END");
        if ends != 1 || !is_last {
            return Judged::violated("S2", format!("at {point}: job {job} wrote {lines:?}"));
        }
    }
    Judged::Passed
}
