//! Jobs that are code of the worker's own process: what is not stored of them, and what follows from
//! that when their worker dies.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use tokio::time::{Instant, sleep};

use crate::support::{Place, Scene, Script, ScriptedExecutor, until};

fn scene() -> Scene {
    let scene = Scene::new();
    let executor = ScriptedExecutor::in_process(scene.journal.clone());
    Scene {
        executor: Arc::new(executor),
        ..scene
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_short_job_nothing_is_stored_but_its_end() {
    let scene = scene();
    let job = scene.scripted(Script::runs_for(Duration::from_millis(50)));
    let worker = scene.start();
    until("it has begun", || scene.executor.starts(job) == 1).await;
    sleep(Duration::from_millis(40)).await;
    assert!(!scene.store.is_running(job), "not noted while it is short");
    let report = worker.ended().await;
    assert_eq!(report.completed, 1);
    assert!(scene.store.is_settled(job, TerminalState::Completed));
    assert_eq!(scene.journal.count("fence"), 0);
    let record = scene.store.record(job);
    assert!(record.started, "its end says that it was started");
}

#[tokio::test(start_paused = true)]
async fn one_that_goes_on_is_noted_as_running() {
    let scene = scene();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it has begun", || scene.executor.starts(job) == 1).await;
    let begun = Instant::now();
    until("it is noted", || scene.store.is_running(job)).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(scene.journal.count("fence"), 0);
    scene.executor.end(job);
    assert_eq!(worker.ended().await.completed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_ran_within_a_worker_that_died_is_lost_though_no_handle_was_stored() {
    let scene = scene();
    let job = scene.scripted(Script::runs_for_ever());
    let dies = scene.start();
    until("it has begun", || scene.executor.starts(job) == 1).await;
    // With the worker's process its jobs end.
    dies.task.abort();
    scene.executor.end(job);
    for row in scene.store.lock().workers.values_mut() {
        row.fenced = true;
    }
    let heir = Scene {
        executor: Arc::new(ScriptedExecutor::in_process(scene.journal.clone())),
        store: Arc::clone(&scene.store),
        config: scene.config.clone(),
        journal: scene.journal.clone(),
    };
    let report = heir.work().await;
    assert_eq!((report.lost, report.completed), (1, 1), "{report:?}");
    assert_eq!(
        scene.store.place(job),
        Place::Settled(TerminalState::Completed)
    );
    let outcomes: Vec<Outcome> = scene.store.records(job).iter().map(|r| r.outcome).collect();
    assert_eq!(outcomes, [Outcome::Vanished, Outcome::Exited]);
}
