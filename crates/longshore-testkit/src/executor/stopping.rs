//! TERM, grace, KILL; to everything; as often as one likes.

use std::time::Duration;

use futures_util::future::join;
use longshore_core::executor::Capability;
use tokio::time::Instant;

use super::scene::{Scene, in_time};

/// Longer than any case takes: a stop that waits for it has not heard of the end.
const LONG: Duration = Duration::from_mins(10);

pub async fn a_job_that_handles_term_ends_as_it_likes(scene: &Scene) {
    let script = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    scene.stop(&launched.handle, LONG).await;
    let finished = launched.finish().await;
    assert_eq!((finished.text(), finished.code()), ("bye\n", 3));
}

pub async fn a_child_that_cleans_up_has_its_grace_though_the_main_process_is_gone(scene: &Scene) {
    let child = "trap \"sleep 0.3; echo cleaned; exit\" TERM; echo ready; \
                 while :; do sleep 0.05; done";
    // The outer shell handles no TERM: it ends at once.
    let mut launched = scene
        .launch(scene.shell(&format!("sh -c '{child}'; echo never")))
        .await;
    launched.await_output("ready\n").await;
    scene.stop(&launched.handle, LONG).await;
    let finished = launched.finish().await;
    if scene.can(Capability::GraceForChildren) {
        assert_eq!(finished.text(), "cleaned\n");
    } else {
        // The end of the main process is the end of all: nothing waits, nothing is left.
        assert_eq!((finished.text(), finished.code()), ("", 128 + 15));
        assert_eq!(scene.live_processes(), 0);
    }
}

pub async fn a_job_that_ignores_term_is_killed_after_its_grace(scene: &Scene) {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    let (grace, began) = (Duration::from_millis(400), Instant::now());
    scene.stop(&launched.handle, grace).await;
    assert!(
        began.elapsed() >= grace,
        "killed after {:?}",
        began.elapsed()
    );
    assert_eq!(launched.finish().await.code(), 128 + 9);
}

pub async fn a_stop_ends_grandchildren_and_daemons(scene: &Scene) {
    let script = "sh -c 'sh -c \"sleep 1000; :\"; :' & \
                  (setsid sh -c 'trap \"\" TERM HUP; sleep 1000; :' &) ; \
                  echo ready; sleep 1000; :";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    // The main shell, its sleep; two shells and a sleep; a daemon and its sleep.
    scene.await_live_processes(7).await;
    scene
        .stop(&launched.handle, Duration::from_millis(100))
        .await;
    assert_eq!(
        scene.live_processes(),
        0,
        "everything has ended when the stop returns"
    );
    in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

pub async fn a_job_that_waits_for_its_reader_can_be_stopped(scene: &Scene) {
    // Nobody pulls after the first lines: it fills whatever lies between, and waits.
    let script = "trap '' TERM; yes | cat";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("y\ny\n").await;
    let grace = Duration::from_millis(300);
    scene.stop(&launched.handle, grace).await;
    assert_eq!(scene.live_processes(), 0);
    let finished = launched.finish().await;
    assert!(
        finished.stdout.contains(&b'y'),
        "what it wrote before is there"
    );
    assert_eq!(finished.code(), 128 + 9);
}

pub async fn a_stopped_job_can_be_stopped_again(scene: &Scene) {
    let launched = scene.launch(scene.shell("exec sleep 1000")).await;
    let handle = launched.handle.clone();
    join(scene.stop(&handle, LONG), scene.stop(&handle, LONG)).await;
    scene.stop(&handle, LONG).await;
    assert_eq!(launched.finish().await.code(), 128 + 15);
    scene.stop(&handle, LONG).await;
}

pub async fn a_later_stop_shortens_the_grace(scene: &Scene) {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    let handle = launched.handle.clone();
    join(
        scene.stop(&handle, LONG),
        scene.stop(&handle, Duration::ZERO),
    )
    .await;
    assert_eq!(launched.finish().await.code(), 128 + 9);
}

pub async fn a_job_that_has_ended_is_stopped_at_once(scene: &Scene) {
    let finished = scene.run(scene.shell("exit 9")).await;
    scene.stop(&finished.handle, LONG).await;
    assert_eq!(finished.code(), 9);
}

pub async fn a_container_stopped_before_its_start_never_runs(scene: &Scene) {
    let created = scene.prepare(scene.shell("echo ran")).await;
    scene.stop(&created.handle, LONG).await;
    let started = in_time("start", scene.executor.start(&created.handle)).await;
    assert!(started.is_err(), "a stop is final");
    assert_eq!(scene.live_processes(), 0);
    scene.forget(&created.handle).await;
}
