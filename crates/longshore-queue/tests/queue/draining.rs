//! The end of a worker: nothing acquired after it begins, nothing lost, and no wait without a
//! bound.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use longshore_queue::{EndedBy, Until};
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Place, Scene, Script, ScriptedExecutor, in_time, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_within_the_grace_time_ends_under_its_worker() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(20 * SECOND));
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    worker.shutdown.drain();
    let late = scene.job();
    let report = worker.ended().await;
    assert_eq!(report.completed, 1);
    assert_eq!(report.ended_by, EndedBy::Drained);
    assert_eq!(
        scene.store.place(late),
        Place::Ready,
        "nothing was acquired any more"
    );
    assert!(scene.store.lock().workers[&WorkerId(1)].stopped);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_outlive_its_worker_is_stopped_and_handed_back_uncounted() {
    let mut scene = Scene::new();
    scene.config.shutdown_timeout = 5 * SECOND;
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() >= 5 * SECOND, "it had its grace time");
    assert!(begun.elapsed() < 7 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(report.handed_back, 1);
    assert_eq!(scene.store.record(job).outcome, Outcome::HandedBack);
    assert_eq!(scene.store.place(job), Place::Ready);
    assert_eq!(
        scene.store.lock().jobs[&longshore_core::JobId(job)]
            .spent
            .tries,
        0
    );
    assert_eq!(scene.executor.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_can_outlive_its_worker_is_left_alive_with_its_lease() {
    let mut scene = Scene::new();
    scene.executor = Arc::new(ScriptedExecutor::surviving(scene.journal.clone()));
    scene.config.shutdown_timeout = 5 * SECOND;
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(report.left_alive, 1);
    assert_eq!(scene.executor.live(), 1, "it runs on");
    assert!(scene.store.is_running(job), "its lease stands");
    assert_eq!(
        scene.journal.count("finish"),
        0,
        "also no reconciling gave it back"
    );
    assert_eq!(scene.journal.count("stop"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_cuts_the_grace_time_short() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    let begun = Instant::now();
    worker.shutdown.signal();
    sleep(SECOND).await;
    assert_eq!(scene.executor.live(), 1, "the first one leaves it alone");
    worker.shutdown.signal();
    let report = worker.ended().await;
    assert_eq!(report.handed_back, 1);
    assert!(begun.elapsed() < 3 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time_with_the_database_away() {
    let mut scene = Scene::new();
    scene.config.shutdown_timeout = 5 * SECOND;
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    scene.store.set_away(true);
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() < 35 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(report.unfinished, 1, "it says what is left to recovery");
    assert_eq!(scene.executor.live(), 0, "but nothing runs on");
    assert!(scene.store.is_running(job), "and the lease stands");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time_with_an_acquisition_that_hangs() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.store.fault("acquire", [Fault::Hang]);
    let job = scene.job();
    let worker = scene.start();
    until("it is acquired", || scene.store.place(job) == Place::Leased).await;
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() < 10 * SECOND, "{:?}", begun.elapsed());
    // Its reply never came, so this worker never knew of it; the store did.
    assert_eq!((report.acquired, report.reconciled), (0, 1));
    assert_eq!(scene.store.place(job), Place::Ready);
    assert_eq!(scene.executor.starts(job), 0);
}

#[tokio::test(start_paused = true)]
async fn under_load_a_drain_ends_in_time_and_accounts_for_everything() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.max_concurrent = 50;
    scene.config.shutdown_timeout = 10 * SECOND;
    for n in 0..500_u64 {
        scene.scripted(Script::runs_for(Duration::from_millis(
            100 + 97 * (n % 200),
        )));
    }
    let worker = scene.start();
    until("some ended", || scene.journal.count("exited") > 60).await;
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() < 15 * SECOND, "{:?}", begun.elapsed());
    assert_eq!(report.unfinished, 0);
    assert_eq!(scene.executor.live(), 0);
    assert!(scene.executor.doubled().is_empty());
    assert!(scene.executor.most_live() <= 50);
    assert!(scene.store.lock().leases.is_empty(), "no lease is left");
}

#[tokio::test(start_paused = true)]
async fn a_worker_dropped_by_its_runtime_leaves_its_lease_to_recovery() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    worker.task.abort();
    assert!(
        in_time(worker.task)
            .await
            .expect_err("it was aborted")
            .is_cancelled()
    );
    sleep(60 * SECOND).await;
    assert!(
        scene.store.is_running(job),
        "nobody finished it in its name"
    );
    assert!(!scene.store.is_settled(job, TerminalState::Failed));
}
