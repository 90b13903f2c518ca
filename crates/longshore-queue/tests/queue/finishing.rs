//! Ends on their way into the store.

use std::time::Duration;

use longshore_core::state::TerminalState;
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Scene, Script, refused, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn an_end_waits_for_the_database_and_is_stored_once() {
    let scene = Scene::new();
    let job = scene.job();
    scene.store.fault(
        "finish",
        [
            Fault::Before(unavailable()),
            Fault::After(unavailable()),
            Fault::Before(unavailable()),
        ],
    );
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert_eq!(scene.store.records(job).len(), 1, "not doubled");
    assert_eq!(scene.journal.count("finish"), 4, "the same end each time");
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_taken_until_the_end_is_stored() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 1;
    let first = scene.job();
    let second = scene.job();
    scene
        .store
        .fault("finish", (0..6).map(|_| Fault::Before(unavailable())));
    let worker = scene.start();
    until("the first has ended", || scene.journal.count("exited") == 1).await;
    sleep(SECOND).await;
    assert_eq!(
        scene.journal.of(&["create"]),
        ["create 1"],
        "the second one waits"
    );
    let report = worker.ended().await;
    assert_eq!(report.completed, 2);
    assert!(scene.store.is_settled(first, TerminalState::Completed));
    assert!(scene.store.is_settled(second, TerminalState::Completed));
}

#[tokio::test(start_paused = true)]
async fn ends_that_come_together_are_stored_together_and_a_lone_one_is_not_held_back() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 20;
    for _ in 0..20 {
        scene.scripted(Script::runs_for(SECOND));
    }
    let report = scene.work().await;
    assert_eq!(report.completed, 20);
    let calls = scene.store.lock().finish_calls.clone();
    assert!(calls.len() < 20, "some were grouped: {calls:?}");

    let alone = scene.job();
    let begun = Instant::now();
    let worker = scene.start();
    until("it is settled", || {
        scene.store.is_settled(alone, TerminalState::Completed)
    })
    .await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
    worker.ended().await;
}

#[tokio::test(start_paused = true)]
async fn one_bad_end_does_not_hold_back_the_others_and_is_tried_again() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 3;
    let jobs: Vec<i64> = (0..3)
        .map(|_| scene.scripted(Script::runs_for(SECOND)))
        .collect();
    // The batch is refused, then the first one alone; its turn comes again later.
    scene.store.fault(
        "finish",
        [Fault::Before(refused()), Fault::Before(refused())],
    );
    let report = scene.work().await;
    assert_eq!(report.completed, 3);
    for job in jobs {
        assert_eq!(scene.store.records(job).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_batch_does_not_wait_for_the_call_before_it_and_a_few_do() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 400;
    scene.scripted(Script::runs_for(SECOND));
    for _ in 0..300 {
        scene.scripted(Script::runs_for(2 * SECOND));
    }
    scene.store.fault("finish", [Fault::Late(60 * SECOND)]);
    let worker = scene.start();
    until("all have ended", || scene.journal.count("exited") == 301).await;
    sleep(SECOND).await;
    let calls = || scene.store.lock().finish_calls.clone();
    assert_eq!(calls(), [256], "while the first is still without an answer");
    assert_eq!(worker.ended().await.completed, 301);
    assert_eq!(calls(), [256, 1, 44]);
}
