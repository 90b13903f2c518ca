//! What has become of a container, as a worker that takes its lease over has to know it: proved, or
//! unknown, never guessed.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Capability, Executor, Fate, Handle};

use super::scene::{Launched, Scene, in_time};

/// A job that makes it hard: a grandchild, and a daemon that left the session and ignores what can
/// be ignored.
const FAMILY: &str = "sh -c 'sh -c \"sleep 1000; :\"; :' & \
    { setsid sh -c 'trap \"\" TERM HUP INT; echo up; sleep 1000; :' & } | read line; \
    echo ready; sleep 1000; :";

/// The fate of a container, as `executor` sees it.
async fn fate_by(scene: &Scene, executor: &Arc<dyn Executor>, launched: &Launched) -> Fate {
    let host = in_time("host", scene.executor.host()).await;
    let host = host.unwrap_or_else(|error| panic!("{error}")).identity;
    let asked = executor.fate(&launched.handle, &launched.identity, &host);
    in_time("fate", asked)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn stop_by(executor: &Arc<dyn Executor>, handle: &Handle, grace: Duration) {
    let stopped = in_time("stop", executor.stop(handle, grace)).await;
    stopped.unwrap_or_else(|error| panic!("{error}"));
}

/// Told to one who need not have made it.
async fn is_told_in_each_phase(scene: &Scene, executor: &Arc<dyn Executor>, after_the_end: Fate) {
    let mut launched = scene
        .prepare(scene.shell("echo on; read line < /dev/zero"))
        .await;
    let fate = async |launched: &Launched| fate_by(scene, executor, launched).await;
    assert_eq!(fate(&launched).await, Fate::Created);
    scene.start(&launched.handle).await;
    launched.await_output("on\n").await;
    assert_eq!(fate(&launched).await, Fate::Running);
    scene.stop(&launched.handle, Duration::ZERO).await;
    assert_eq!(fate(&launched).await, after_the_end);
    scene.forget(&launched.handle).await;
    assert_eq!(fate(&launched).await, Fate::Gone);
}

pub async fn the_fate_of_a_container_of_ones_own_is_told_in_each_phase(scene: &Scene) {
    is_told_in_each_phase(scene, &scene.executor, Fate::Exited).await;
}

pub async fn another_worker_is_told_the_fate_of_a_container_in_each_phase(scene: &Scene) {
    if !scene.can(Capability::FullListing) {
        return;
    }
    // What can't be adopted leaves nothing behind.
    let after_the_end = if scene.can(Capability::SurvivesWorker) {
        Fate::Exited
    } else {
        Fate::Gone
    };
    is_told_in_each_phase(scene, &scene.another_executor(), after_the_end).await;
}

pub async fn nothing_is_concluded_about_a_container_of_another_host(scene: &Scene) {
    let created = scene.prepare(scene.shell(":")).await;
    let executors = [Arc::clone(&scene.executor), scene.another_executor()];
    for executor in executors {
        let asked = executor.fate(&created.handle, &created.identity, "another host");
        let fate = in_time("fate", asked).await;
        let fate = fate.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            matches!(&fate, Fate::Unknown(why) if why.contains("another host")),
            "{fate:?}"
        );
    }
}

pub async fn what_another_worker_has_stopped_is_proved_dead(scene: &Scene) {
    if !scene.can(Capability::FullListing) {
        return;
    }
    let mut launched = scene.launch(scene.shell(FAMILY)).await;
    launched.await_output("ready\n").await;
    scene.await_live_processes(7).await;
    let other = scene.another_executor();
    assert_eq!(fate_by(scene, &other, &launched).await, Fate::Running);
    stop_by(&other, &launched.handle, Duration::from_millis(100)).await;
    assert_eq!(scene.live_processes(), 0);
    let fate = fate_by(scene, &other, &launched).await;
    assert!(fate.is_over(), "{fate:?}");
    // Its own worker hears of it too.
    let _its_exit = in_time("the end", launched.end).await;
}

pub async fn a_start_that_comes_after_another_workers_stop_finds_nothing(scene: &Scene) {
    if !scene.can(Capability::FullListing) {
        return;
    }
    let created = scene.prepare(scene.shell("echo ran; sleep 1000")).await;
    let other = scene.another_executor();
    assert_eq!(fate_by(scene, &other, &created).await, Fate::Created);
    stop_by(&other, &created.handle, Duration::from_mins(10)).await;
    assert_eq!(fate_by(scene, &other, &created).await, Fate::Gone);
    let started = in_time("start", scene.executor.start(&created.handle)).await;
    assert!(started.is_err(), "it is gone");
    assert_eq!(scene.live_processes(), 0);
    assert_eq!(fate_by(scene, &other, &created).await, Fate::Gone);
    scene.forget(&created.handle).await;
}

pub async fn what_can_not_be_adopted_is_not_watched_and_that_is_said(scene: &Scene) {
    if scene.can(Capability::SurvivesWorker) {
        return;
    }
    let launched = scene.launch(scene.shell("exec sleep 1000")).await;
    let other = scene.another_executor();
    let watched = in_time("watch", other.watch(&launched.handle, None)).await;
    let error = watched.err().expect("its output is another worker's");
    assert_eq!(error.class, ErrorClass::Permanent, "{error}");
    assert!(error.to_string().contains("can't adopt"), "{error}");
    scene.stop(&launched.handle, Duration::ZERO).await;
}
