//! Signs of life, and what follows when they are missed.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::state::TerminalState;
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Place, Scene, Script, ScriptedExecutor, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn heartbeats_go_on_while_launches_hang_and_while_the_worker_drains() {
    let mut scene = Scene::new();
    scene.config.shutdown_timeout = 300 * SECOND;
    let slow = Script {
        ensure_takes: 100 * SECOND,
        ..Script::default()
    };
    let hanging = scene.scripted(slow);
    let running = scene.scripted(Script::runs_for(200 * SECOND));
    let worker = scene.start();
    until("one runs", || scene.store.is_running(running)).await;
    sleep(50 * SECOND).await;
    let beats = || scene.store.lock().workers[&WorkerId(1)].heartbeats;
    assert!(beats() >= 5, "{} heartbeats in 50 s", beats());
    worker.shutdown.drain();
    sleep(SECOND).await;
    let before = beats();
    until("the last job ended", || {
        scene.store.is_settled(running, TerminalState::Completed)
    })
    .await;
    assert!(
        beats() >= before + 13,
        "{} heartbeats in 149 s of drain",
        beats() - before
    );
    let last = scene.store.lock().workers[&WorkerId(1)]
        .last_heartbeat
        .expect("there were some");
    assert!(last.elapsed() <= 11 * SECOND, "up to the last lease");
    let report = worker.ended().await;
    assert_eq!((report.completed, report.handed_back), (1, 1));
    assert_eq!(
        scene.executor.starts(hanging),
        0,
        "what had not started went back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fenced_worker_lets_go_and_starts_over_under_a_fresh_id() {
    let scene = Scene::new();
    let taken = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(taken)).await;
    scene.store.take_over(taken);
    scene
        .store
        .lock()
        .workers
        .get_mut(&WorkerId(1))
        .expect("registered")
        .fenced = true;
    until("it registered again", || scene.store.workers().len() == 2).await;
    assert_eq!(
        scene.executor.live(),
        0,
        "what can't outlive its worker was stopped before"
    );
    let next = scene.job();
    until("it works again", || {
        scene.store.is_settled(next, TerminalState::Completed)
    })
    .await;
    assert_eq!(
        scene.store.records(taken).len(),
        0,
        "nothing was written for the lost lease"
    );
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(
        (report.fenced, report.lost_leases, report.completed),
        (1, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_fenced_worker_kills_nothing_that_outlives_it_and_hands_nothing_back() {
    let mut scene = Scene::new();
    scene.executor = Arc::new(ScriptedExecutor::surviving(scene.journal.clone()));
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    // Fenced, and its lease not taken over yet: it still stands under the old worker's name.
    scene
        .store
        .lock()
        .workers
        .get_mut(&WorkerId(1))
        .expect("registered")
        .fenced = true;
    until("it registered again", || scene.store.workers().len() == 2).await;
    sleep(100 * SECOND).await;
    assert_eq!(scene.executor.live(), 1);
    assert_eq!(scene.store.place(job), Place::Leased);
    assert_eq!(
        (scene.journal.count("stop"), scene.journal.count("finish")),
        (0, 0)
    );
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!((report.fenced, report.lost_leases), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_missed_heartbeat_is_sent_again_sooner_and_the_job_goes_on() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(40 * SECOND));
    scene
        .store
        .fault("heartbeat", [Fault::Before(unavailable()), Fault::Hang]);
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert!(begun.elapsed() < 60 * SECOND);
    assert_eq!(scene.store.records(job).len(), 1);
    let beats = scene.store.lock().workers[&WorkerId(1)].heartbeats;
    assert!(beats >= 2, "{beats} were answered");
}

#[tokio::test(start_paused = true)]
async fn a_person_can_ask_a_worker_to_drain_through_the_store() {
    let mut scene = Scene::new();
    scene.config.until = longshore_queue::Until::Stopped;
    let job = scene.scripted(Script::runs_for(15 * SECOND));
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    scene
        .store
        .lock()
        .workers
        .get_mut(&WorkerId(1))
        .expect("registered")
        .draining = true;
    let report = worker.ended().await;
    assert_eq!(report.completed, 1);
    assert!(
        scene.store.lock().workers[&WorkerId(1)].stopped,
        "it said goodbye"
    );
}
