//! Stops of jobs, and of shims, that make it hard.

mod support;

use std::fs;
use std::time::Duration;

use longshore_testkit::executor::scene::in_time;
use longshore_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::join;

use support::{let_deadlines_pass, scene, shim_of};

/// Longer than any test takes.
const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn a_process_whose_name_is_no_text_can_be_killed() {
    let scene = scene();
    let script = "trap '' TERM; printf '\\377' >/proc/self/comm; echo ready; \
                  while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    scene.stop(&launched.handle, Duration::ZERO).await;
    assert_eq!(launched.finish().await.code(), 128 + 9);
    scene.clear().await;
}

#[tokio::test]
async fn a_stop_lets_a_daemon_clean_up_that_left_the_session() {
    let scene = scene();
    let script = "setsid sh -c 'trap \"sleep 0.2; echo cleaned; exit\" TERM; echo ready; \
                  while :; do sleep 0.05; done' & exec sleep 1000";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    scene.stop(&launched.handle, LONG).await;
    let finished = launched.finish().await;
    assert_eq!((finished.text(), finished.code()), ("cleaned\n", 128 + 15));
    scene.clear().await;
}

#[tokio::test]
async fn what_outlives_the_main_process_is_killed_when_the_grace_ends() {
    let scene = scene();
    let script = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'; :";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    scene
        .stop(&launched.handle, Duration::from_millis(300))
        .await;
    assert_eq!(scene.live_processes(), 0);
    assert_eq!(launched.finish().await.code(), 128 + 15);
    scene.clear().await;
}

#[tokio::test]
async fn a_suspended_shim_is_given_up_and_its_job_ended() {
    let scene = scene();
    let script = "setsid sh -c 'trap \"\" TERM; echo ready; sleep 1000; :' & sleep 1000; :";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    kill(shim_of(&launched.handle), Signal::SIGSTOP).expect("the shim lives");
    let stop = scene.executor.stop(&launched.handle, Duration::ZERO);
    let (stopped, ()) = join!(stop, let_deadlines_pass());
    stopped.expect("what does not listen can be killed");
    assert_eq!(scene.live_processes(), 0, "a stop is proof of death");
    let ended = in_time("the end", launched.end).await;
    ended.expect_err("how it ended is not known");
    scene.clear().await;
}

#[tokio::test]
async fn a_container_with_a_suspended_shim_can_be_forgotten_before_its_start() {
    let scene = scene();
    let created = scene.prepare(scene.shell(":")).await;
    kill(shim_of(&created.handle), Signal::SIGSTOP).expect("the shim lives");
    let forget = scene.executor.forget(&created.handle);
    let (forgotten, ()) = join!(forget, let_deadlines_pass());
    forgotten.expect("what does not listen can be killed");
    scene.clear().await;
}

#[tokio::test]
async fn an_orphan_that_ended_by_a_real_time_signal_keeps_no_other_from_being_reaped() {
    let scene = scene();
    let script = "(sh -c 'kill -40 $$' &); (true &); (true &); echo ready; exec sleep 1000";
    let mut launched = scene.launch(scene.shell(script)).await;
    launched.await_output("ready\n").await;
    let shim = shim_of(&launched.handle);
    eventually("the orphans are reaped", async || {
        (children(shim).len() == 1).then_some(())
    })
    .await;
    scene.clear().await;
}

/// All children of a process, zombies too.
fn children(parent: Pid) -> Vec<String> {
    let parent = format!(" {parent} ");
    let processes = fs::read_dir("/proc").expect("this machine has /proc");
    processes
        .filter_map(|process| fs::read(process.ok()?.path().join("stat")).ok())
        .map(|stat| String::from_utf8_lossy(&stat).into_owned())
        // "pid (name) state parent …"
        .filter(|stat| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest[1..].starts_with(&parent))
        })
        .collect()
}
