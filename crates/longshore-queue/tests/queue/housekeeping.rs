//! What a worker keeps in shape beside its jobs: what waited for too long, what is old, what ages.

use std::time::Duration;

use longshore_core::state::TerminalState;
use longshore_core::store::Retention;
use longshore_queue::{Until, housekeeping};
use tokio::time::sleep;

use crate::support::{Fault, Scene, refused};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_waited_for_too_long_before_the_worker_began_is_not_run() {
    let scene = Scene::new();
    let job = scene.job_of(longshore_core::JobSpec {
        queue_timeout: Some(longshore_core::spec::Timeout::After(SECOND)),
        ..longshore_core::JobSpec::process(["true"])
    });
    sleep(2 * SECOND).await;
    let report = scene.work().await;
    assert_eq!(report.acquired, 0);
    assert!(scene.store.is_settled(job, TerminalState::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn old_jobs_are_taken_away_although_storage_could_not_be_tended() {
    let scene = Scene::new();
    scene
        .store
        .fault("tend_storage", [Fault::Before(refused())]);
    let store = longshore_queue::Retrying::new(scene.store.as_dyn());
    let swept = housekeeping::long_pass(&store, scene.config.retention).await;
    assert!(swept.is_err(), "what went wrong is said");
    assert_eq!(scene.journal.count("prune"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_for_ever_is_not_looked_through() {
    let scene = Scene::new();
    let store = longshore_queue::Retrying::new(scene.store.as_dyn());
    let retention = Retention {
        keep: Retention::FOREVER,
        ..scene.config.retention
    };
    let swept = housekeeping::long_pass(&store, retention).await;
    assert_eq!(swept.ok(), Some(housekeeping::Swept::default()));
    assert_eq!(scene.journal.count("prune"), 0);
    assert_eq!(
        scene.journal.count("tend"),
        1,
        "storage is tended all the same"
    );
}

#[tokio::test(start_paused = true)]
async fn a_short_pass_ages_what_waits() {
    let scene = Scene::new();
    let store = longshore_queue::Retrying::new(scene.store.as_dyn());
    housekeeping::short_pass(&store).await.expect("a pass");
    assert_eq!(scene.journal.count("age"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_keeps_house() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    let worker = scene.start();
    sleep(400 * SECOND).await;
    worker.shutdown.drain();
    worker.ended().await;
    assert!(scene.journal.count("stage") >= 39);
    assert!(scene.journal.count("expire") >= 39);
    assert_eq!(
        scene.journal.of(&["tend", "prune"]),
        ["tend", "prune 2592000s"]
    );
}
