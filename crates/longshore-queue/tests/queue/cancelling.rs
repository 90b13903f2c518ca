//! A person asks for the end of a running job; or another worker takes it over.

use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use tokio::time::Instant;

use crate::support::{Scene, Script, until};

#[tokio::test(start_paused = true)]
async fn a_running_job_is_cancelled_soon_after_it_was_asked_for() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    let asked = Instant::now();
    scene.store.cancel(job);
    until("it ended", || {
        scene.store.is_settled(job, TerminalState::Cancelled)
    })
    .await;
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(scene.store.record(job).outcome, Outcome::Cancelled);
    let report = worker.ended().await;
    assert_eq!(report.cancelled, 1);
    assert_eq!(scene.executor.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_job_is_being_drained_is_not_forgotten() {
    let mut scene = Scene::new();
    scene.config.shutdown_timeout = Duration::from_secs(1);
    let script = Script {
        ignores_term: true,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted(script);
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    worker.shutdown.drain();
    until("it is being stopped", || scene.journal.count("stop") == 1).await;
    scene.store.cancel(job);
    let report = worker.ended().await;
    assert_eq!((report.cancelled, report.handed_back), (1, 0));
    assert_eq!(
        scene.journal.count("stop"),
        1,
        "one stop is enough for both"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_by_itself_in_spite_of_a_cancel_keeps_its_own_end() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    scene.executor.end(job);
    scene.store.cancel(job);
    let report = worker.ended().await;
    assert_eq!((report.completed, report.cancelled), (1, 0));
    assert_eq!(scene.store.record(job).outcome, Outcome::Exited);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_took_over_is_let_go_and_nothing_is_written() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    scene.store.take_over(job);
    // This executor's containers can't outlive their worker, so it must not run on beside
    // whatever the other one does.
    until("it is stopped", || scene.executor.live() == 0).await;
    until("and forgotten", || scene.executor.left() == 0).await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(report.lost_leases, 1);
    assert_eq!(scene.journal.count("finish"), 0);
}
