//! What keeps a container from running twice, at a real engine: its token says whose it is, a start is
//! never repeated, absence is proved, an end waits to be harvested. And what keeps a worker whose time
//! may be over from adding one.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use longshore::JobSpec;
use longshore_core::executor::{
    Ensured, Executor, ExecutorError, Fate, Handle, LaunchRequest, Phase,
};
use longshore_core::{InstanceId, Token};
use longshore_docker::connect::{Connection, connect};
use longshore_docker::{DockerConfig, DockerExecutor};
use longshore_fault::Workers;
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::scene::{Scene as Containers, in_time};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::proxy::{Dialect, Endpoint, Lost, Proxy, contains};
use longshore_testkit::wait::eventually;
use tokio::time::timeout;

use super::deaths::{self, Jobs};
use crate::support::Running;
use crate::support::engine;
use crate::workplace::{PATIENCE, finish, submit};

/// Containers of the tests' engine.
struct Harness {
    connection: Connection,
    image: String,
}

impl ExecutorHarness for Harness {
    fn executor(&self) -> Arc<dyn Executor> {
        let config = DockerConfig::default();
        Arc::new(DockerExecutor::new(self.connection.clone(), config))
    }

    fn command(&self, argv: &[&str]) -> JobSpec {
        JobSpec {
            image: Some(self.image.clone()),
            command: argv.iter().map(|&word| word.to_owned()).collect(),
            ..JobSpec::default()
        }
    }
}

/// Containers, and the address of their engine.
async fn containers() -> Option<(Containers, String)> {
    let engine = engine::or_skip()?;
    let connection = connect(Some(&engine.address)).await;
    let harness = Harness {
        connection: connection.expect("the engine answers"),
        image: engine.image,
    };
    Some((Containers::new(Box::new(harness)), engine.address))
}

/// A container that was started.
async fn started(scene: &Containers, script: &str) -> (LaunchRequest, Handle) {
    let request = scene.request(scene.shell(script));
    let handle = scene.create(&request).await;
    scene.start(&handle).await;
    (request, handle)
}

/// Takes away what a test launched, then says how it went.
async fn end(scene: &Containers, judged: &Judged) {
    for listed in scene.list().await {
        scene.stop(&listed.handle, Duration::ZERO).await;
        scene.forget(&listed.handle).await;
    }
    conclude(judged);
}

#[tokio::test]
async fn a_container_of_a_higher_token_is_another_workers() {
    let Some((scene, _)) = containers().await else {
        return;
    };
    let (request, _) = started(&scene, "sleep 60").await;
    let mut late = request.clone();
    late.identity.token = Token(request.identity.token.0 - 1);
    let answer = in_time("ensure", scene.executor.ensure(&late)).await;
    let judged = holds("S5", matches!(answer, Ok(Ensured::Superseded)), || {
        format!("a worker whose lease is over was given {answer:?}")
    });
    end(&scene, &judged).await;
}

/// An executor that reaches the engine through a proxy.
async fn behind(proxy: &Path, engine: &str) -> (Proxy, DockerExecutor) {
    let server = engine.strip_prefix("unix://").expect("a socket's address");
    let proxy = Proxy::on_unix(proxy, Endpoint::Unix(server.into()), Dialect::Bytes);
    let Endpoint::Unix(path) = proxy.address() else {
        unreachable!("it was made on a socket");
    };
    let connection = connect(Some(&format!("unix://{}", path.display()))).await;
    let connection = connection.expect("the engine answers");
    (
        proxy,
        DockerExecutor::new(connection, DockerConfig::default()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_whose_reply_was_lost_is_not_repeated() {
    let Some((scene, engine)) = containers().await else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (proxy, executor) = behind(&folder.path().join("proxy"), &engine).await;
    let request = scene.request(scene.shell("echo ran"));
    let handle = scene.create(&request).await;
    let trap = proxy.lose(Lost::AfterTheAct, contains("/start HTTP"));
    let answer = in_time("start", executor.start(&handle)).await;
    let was_lost = timeout(PATIENCE, trap.sprung()).await.is_ok();
    eventually("it has ended", async || {
        (scene.phase(&handle).await == Some(Phase::Exited)).then_some(())
    })
    .await;
    let finished = scene.watch(handle, request.identity).await.finish().await;
    let ran = finished.text().matches("ran").count();
    let judged = holds("S4", ran == 1, || {
        format!("it ran {ran} times, and its start was answered {answer:?}")
    })
    .and(|| exercised(was_lost, || "no reply was lost".to_owned()));
    end(&scene, &judged).await;
}

#[tokio::test]
async fn an_empty_listing_proves_nothing() {
    let Some((scene, _)) = containers().await else {
        return;
    };
    let (request, handle) = started(&scene, "sleep 60").await;
    let host = in_time("host", scene.executor.host()).await;
    let host = host.expect("the engine answers").identity;
    // As after a change of the database's own id: nothing bears the one that is asked for.
    let mut renamed = request.identity.clone();
    renamed.instance = InstanceId(format!("{}x", request.identity.instance));
    let listed = in_time("list", scene.executor.list(&renamed.instance)).await;
    let fate = in_time("fate", scene.executor.fate(&handle, &renamed, &host)).await;
    let judged = holds("S2", !matches!(fate, Ok(Fate::Gone)), || {
        "it runs, and is called gone: its job would be run beside it".to_owned()
    })
    .and(|| {
        let is_empty = listed.is_ok_and(|listed| listed.is_empty());
        exercised(is_empty, || "the listing was not empty".to_owned())
    });
    end(&scene, &judged).await;
}

#[tokio::test]
async fn what_ended_while_nobody_watched_is_harvested() {
    let Some((scene, _)) = containers().await else {
        return;
    };
    let (_, handle) = started(&scene, "echo ran; exit 7").await;
    let phase = eventually("it has ended", async || match scene.phase(&handle).await {
        Some(Phase::Created | Phase::Running) => None,
        other => Some(other),
    })
    .await;
    let found = in_time("what it left", harvested(&*scene.executor, &handle)).await;
    let judged = holds("S4", found == Ok(("ran\n".to_owned(), Some(7))), || {
        format!("it was {phase:?}, and found was {found:?}")
    });
    end(&scene, &judged).await;
}

/// What it wrote, and its exit code.
async fn harvested(
    executor: &dyn Executor,
    handle: &Handle,
) -> Result<(String, Option<i32>), String> {
    let said = |error: ExecutorError| error.to_string();
    let watch = executor.watch(handle, None).await.map_err(said)?;
    let chunks: Vec<_> = watch.output.try_collect().await.map_err(said)?;
    let ended = watch.end.await.map_err(said)?;
    let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok((text, ended.exit.code))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_taken_over_stays_as_a_tombstone() {
    let Some(kind) = deaths::containers() else {
        return;
    };
    let Jobs::Containers(engine) = &kind else {
        unreachable!("they are containers")
    };
    let scene = deaths::postgres().await;
    let store = scene.store().await;
    deaths::make_queue(&*store, &kind).await;
    submit(&*store, [deaths::witness(&scene, &kind)]).await;
    let instance = store.instance().await.expect("it has an id");
    store.close().await;
    let connection = connect(Some(&engine.address)).await;
    let connection = connection.expect("the engine answers");
    let executor = DockerExecutor::new(connection, DockerConfig::default());

    let socket = scene.home.path().join("points");
    let points = Workers::listen(&socket).expect("a socket in the home");
    let gate = points.at("launch.before_create", 1);
    let stalled = deaths::worker(&scene, &kind, &[], Some(&socket));
    let arrived = timeout(PATIENCE, gate.arrived()).await.is_ok();
    stalled.signal("STOP");
    finish(vec![deaths::worker(
        &scene,
        &kind,
        &["--until-empty"],
        None,
    )])
    .await;
    let left = in_time("list", executor.list(&instance)).await;
    let left = left.expect("the engine answers");
    stalled.signal("CONT");
    gate.go();
    drop(points);
    let harmless = deaths::goes_on("launch.before_create", stalled).await;
    let after = in_time("list", executor.list(&instance)).await;
    let after = after.expect("the engine answers");
    for listed in &after {
        let removed = in_time("forget", executor.forget(&listed.handle)).await;
        removed.expect("it has ended");
    }
    let judged = holds("S5", left.len() == 1 && left == after, || {
        format!("a late create could find the name free: {left:?} was left, then {after:?}")
    })
    .and(|| harmless)
    .and(|| exercised(arrived, || "nobody came so far".to_owned()));
    conclude(&judged);
}

/// The worker's heartbeats stand still, and it is about to start its job.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_whose_last_heartbeat_is_too_old_starts_nothing() {
    let kind = deaths::processes().expect("they can always be had");
    let scene = deaths::postgres().await;
    let store = scene.store().await;
    deaths::make_queue(&*store, &kind).await;
    submit(&*store, [deaths::witness(&scene, &kind)]).await;
    let socket = scene.home.path().join("points");
    let points = Workers::listen(&socket).expect("a socket in the home");
    let beats = points.at("heartbeat.before_send", 1);
    let launch = points.at("launch.watched", 1);
    let log = scene.home.path().join("worker.log");
    let file = File::create(&log).expect("the home can be written");
    let mut command = deaths::command(&scene, &kind, &[], Some(&socket));
    let worker = Running::start(command.stderr(file));
    let arrived = timeout(PATIENCE, async {
        tokio::join!(beats.arrived(), launch.arrived())
    });
    let arrived = arrived.await.is_ok();
    eventually("its time is over", async || {
        let now = store.now().await.expect("the store answers");
        let workers = store.workers(false).await.expect("the store answers");
        let age = |at| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        let is_over = workers
            .iter()
            .all(|worker| age(worker.heartbeat_at) > deaths::LEASE);
        (arrived && is_over).then_some(())
    })
    .await;
    launch.go();
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let ledger = scene.home.path().join("ledger");
    let started = eventually("it starts its job, or does not", async || {
        let started = read(&ledger).contains("START");
        (started || read(&log).contains("not launched")).then_some(started)
    })
    .await;
    beats.go();
    drop(points);
    worker.signal("TERM");
    let ran = tokio::task::spawn_blocking(move || worker.finish());
    let ran = ran.await.expect("it ends");
    store.close().await;
    let judged = holds("S5", !started, || {
        "it started a job when another might have taken it over".to_owned()
    })
    .and(|| exercised(ran.code == 0, || read(&log)));
    conclude(&judged);
}
