//! A SIGKILL to a real worker at each fault point of its launches and ends, and a SIGSTOP past its lease
//! at those where it could still do harm; for processes and for containers: nothing lost, nothing doubled.
//!
//! It happens while the worker stands at the point, with other jobs of its wherever they are. A second
//! one takes over what is left and ends it; only then a stopped one goes on. Jobs are witnesses: they
//! hold a lock while they live, and write their own START and END.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use longshore::{JobSpec, State, Store};
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_core::spec::{Mount, MountKind};
use longshore_fault::Workers;
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use tokio::time::timeout;

use crate::ledger;
use crate::scene::Scene;
use crate::support::Running;
use crate::support::engine::{self, Engine};
use crate::workplace::{PATIENCE, QUEUE, finish, submit};

/// The points of launch and finish.
const POINTS: &[&str] = &[
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
    "output.before_append",
    "output.appended",
    "supervise.ended",
    "supervise.pumped",
    "finish.before_hand_in",
    "finish.before_send",
    "finish.answered",
    "finish.before_remove",
];

/// Those at which a worker that sleeps past its lease and goes on could still do harm.
const STALLS: &[&str] = &[
    "launch.before_create",
    "launch.created",
    "launch.fenced",
    "launch.before_start",
    "launch.started",
    "supervise.marked",
    "supervise.ended",
    "finish.before_send",
];

/// Holds a lock for as long as anything of it lives, where there is a `flock`: a second one of the same
/// job would meet it. Small images have none; a container's lines tell without.
const SCRIPT: &str = r#"
    cd "$LEDGER"
    exec 9>>"lock.$LONGSHORE_JOB_ID"
    ! command -v flock >/dev/null || flock -n 9 || printf 'OVERLAP %s\n' "$LONGSHORE_JOB_ID" >>ledger
    printf 'START %s\n' "$LONGSHORE_JOB_ID" >>ledger
    echo "of $LONGSHORE_JOB_ID"
    sleep 0.3
    printf 'END %s\n' "$LONGSHORE_JOB_ID" >>ledger"#;

pub const JOBS: usize = 3;

/// At the one point where a worker that hands a running container back would double it.
const RUNNING: &[&str] = &["supervise.marked"];
/// At the one point where a worker that starts another's container would have it run twice: its worker has
/// seen that it was never started, and is about to.
const BEFORE_START: &[&str] = &["start.checked"];

/// What the jobs run on.
pub enum Jobs {
    Processes,
    Containers(Engine),
}

/// What befalls the worker. None stalls on SQLite here: one that is stopped while it writes keeps the file
/// locked for everybody, as any process does; `tests/recovery` stops one that does not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It is killed.
    Killed,
    /// It is stopped, and goes on when everything is over.
    Stalled,
}

/// One test for each kind of job and each database.
macro_rules! at_every_point {
    ($($test:ident: $death:expr, $points:expr, $kind:ident on $on:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let Some(kind) = $kind() else { return };
            let mut judged = Judged::Passed;
            for point in $points {
                let here = at(point, $death, $on().await, &kind).await;
                judged = judged.and(|| here);
            }
            conclude(&judged);
        })*
    };
}

at_every_point! {
    a_container_whose_worker_is_killed_is_not_run_beside_itself:
        Death::Killed, RUNNING, containers on sqlite;
    a_container_that_another_may_still_start_is_replaced:
        Death::Stalled, BEFORE_START, containers on postgres;
    a_worker_that_is_killed_loses_and_doubles_no_process_on_sqlite:
        Death::Killed, POINTS, processes on sqlite;
    a_worker_that_is_killed_loses_and_doubles_no_process_on_postgres:
        Death::Killed, POINTS, processes on postgres;
    a_worker_that_is_killed_loses_and_doubles_no_container_on_sqlite:
        Death::Killed, POINTS, containers on sqlite;
    a_worker_that_is_killed_loses_and_doubles_no_container_on_postgres:
        Death::Killed, POINTS, containers on postgres;
    a_worker_that_stalls_loses_and_doubles_no_process_on_postgres:
        Death::Stalled, STALLS, processes on postgres;
    a_worker_that_stalls_loses_and_doubles_no_container_on_postgres:
        Death::Stalled, STALLS, containers on postgres;
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of two, and the other may be missing"
)]
pub fn processes() -> Option<Jobs> {
    Some(Jobs::Processes)
}

pub fn containers() -> Option<Jobs> {
    engine::or_skip().map(Jobs::Containers)
}

#[expect(
    clippy::unused_async,
    reason = "one of two, and the other waits for a server"
)]
pub async fn sqlite() -> Scene {
    Scene::on_sqlite()
}

pub async fn postgres() -> Scene {
    Scene::on_postgres().await
}

async fn at(point: &'static str, death: Death, scene: Scene, kind: &Jobs) -> Judged {
    let store = scene.store().await;
    make_queue(&*store, kind).await;
    let jobs = submit(&*store, (0..JOBS).map(|_| witness(&scene, kind))).await;
    let socket = scene.home.path().join("points");
    let points = Workers::listen(&socket).expect("a socket in the home");
    let gate = points.at(point, 1);
    let first = worker(&scene, kind, &[], Some(&socket));
    let arrived = timeout(PATIENCE, gate.arrived()).await.is_ok();
    let mut harmless = Judged::Passed;
    match death {
        Death::Killed => {
            first.signal("KILL");
            let ended = tokio::task::spawn_blocking(move || first.finish());
            ended.await.expect("it was killed");
            drop((gate, points));
            finish(vec![worker(&scene, kind, &["--until-empty"], None)]).await;
        }
        Death::Stalled => {
            first.signal("STOP");
            finish(vec![worker(&scene, kind, &["--until-empty"], None)]).await;
            first.signal("CONT");
            gate.go();
            drop(points);
            harmless = goes_on(point, first).await;
        }
    }
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    let audit = store.audit().await.expect("the audit runs");
    store.close().await;
    let lost = details
        .iter()
        .filter(|job| job.summary.state != State::Completed);
    let lost: Vec<_> = lost
        .map(|job| (job.summary.id, job.summary.state))
        .collect();
    holds("S4", lost.is_empty(), || format!("at {point}: {lost:?}"))
        .and(|| witnessed(point, &scene, kind))
        .and(|| holds("S6", audit.is_empty(), || format!("at {point}: {audit:?}")))
        .and(|| harmless)
        .and(|| at_rest)
        .and(|| exercised(arrived, || format!("{point} was not reached")))
}

/// Makes the line for such jobs.
pub async fn make_queue(store: &dyn Store, kind: &Jobs) {
    let executor = match kind {
        Jobs::Processes => "process",
        Jobs::Containers(_) => "docker",
    };
    let queue = NewQueue {
        name: QUEUE.to_owned(),
        executor: executor.to_owned(),
        host_selector: std::collections::BTreeMap::new(),
        max_concurrent: Some(Limit(2)),
    };
    store.create_queue(&queue).await.expect("a new queue");
}

/// The stopped worker learns that its jobs are others' now, and ends well when it is told to.
pub async fn goes_on(point: &str, mut stalled: Running) -> Judged {
    let mut said = stalled.stderr_lines();
    let learns = tokio::task::spawn_blocking(move || {
        said.wait_for("fenced");
        said
    });
    let said = learns.await.expect("it says that it was fenced");
    stalled.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || stalled.finish());
    let ran = ended.await.expect("it ends");
    drop(said);
    holds("S10", ran.code == 0, || {
        format!("at {point}: {}", ran.report())
    })
}

pub fn witness(scene: &Scene, kind: &Jobs) -> JobSpec {
    let folder = scene.home.path().to_str();
    let folder = folder.expect("temporary paths are UTF-8").to_owned();
    let mut spec = JobSpec::process(["sh", "-c", SCRIPT]);
    spec.queue = Some(QUEUE.to_owned());
    spec.max_retries = Some(0);
    match kind {
        Jobs::Processes => {
            spec.env.insert("LEDGER".to_owned(), folder.into());
        }
        Jobs::Containers(engine) => {
            spec.image = Some(engine.image.clone());
            spec.env.insert("LEDGER".to_owned(), "/ledger".into());
            spec.mounts = vec![Mount {
                kind: MountKind::Bind,
                source: Some(folder),
                target: "/ledger".to_owned(),
                read_only: false,
            }];
        }
    }
    spec
}

/// A worker with a short lease; with a socket its points ask there.
pub fn worker(scene: &Scene, kind: &Jobs, flags: &[&str], socket: Option<&Path>) -> Running {
    Running::start(&mut command(scene, kind, flags, socket))
}

/// How long its lease is.
pub const LEASE: Duration = Duration::from_secs(1);

/// The same, to be started.
pub fn command(scene: &Scene, kind: &Jobs, flags: &[&str], socket: Option<&Path>) -> Command {
    let on = ["worker", "--queue", QUEUE, "--database", &scene.address];
    let pace = ["--poll-interval", "100ms"];
    let lease_ttl = format!("{}ms", LEASE.as_millis());
    let lease = ["--heartbeat", "400ms", "--lease-ttl", &lease_ttl];
    let folder = scene.home.path().to_str();
    let folder = folder.expect("temporary paths are UTF-8");
    let config = format!("[docker]\nbinds = [{folder:?}]\n");
    let config = scene.home.file("engine.toml", &config);
    let engine = match kind {
        Jobs::Processes => Vec::new(),
        Jobs::Containers(engine) => vec!["--config", &config, "--docker-host", &engine.address],
    };
    let args = [&on[..], &pace, &lease, &engine, flags].concat();
    let mut command = scene.home.command(&args);
    if let Some(socket) = socket {
        command.env("LONGSHORE_FAULT_SOCKET", socket);
    }
    // A bug that is planted in the test is planted in its workers.
    if let Some(bug) = std::env::var_os("LONGSHORE_BUG") {
        command.env("LONGSHORE_BUG", bug);
    }
    command
}

/// No two of a job ever lived at once. A container outlives its worker, so it ran exactly once; a
/// process ends with its worker, and its job may run again.
fn witnessed(point: &str, scene: &Scene, kind: &Jobs) -> Judged {
    let ledger = fs::read_to_string(scene.home.path().join("ledger")).unwrap_or_default();
    for job in 1..=JOBS {
        let lines: Vec<&str> = ledger
            .lines()
            .filter_map(|line| line.strip_suffix(&format!(" {job}")))
            .collect();
        let is_right = match kind {
            Jobs::Processes => lines.last() == Some(&"END") && !lines.contains(&"OVERLAP"),
            Jobs::Containers(_) => lines == ["START", "END"],
        };
        if !is_right {
            return Judged::violated("S2", format!("at {point}: job {job} wrote {lines:?}"));
        }
    }
    Judged::Passed
}
