//! The end of a worker: nothing acquired after it begins, nothing lost, and no wait without a
//! bound.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use longshore_queue::{EndedBy, Until};
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Place, Scene, Script, ScriptedExecutor, busy, in_time, until};

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
async fn a_drain_in_the_middle_of_a_round_asks_no_further_queue_and_starts_nothing() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.config.queues = vec!["local".to_owned(), "second".to_owned()];
    let second = scene.store.add_queue(3, "second");
    let spec = || Ok(longshore_core::JobSpec::process(["true"]));
    let jobs = [
        scene.store.add_to(longshore_core::QueueId(1), spec()),
        scene.store.add_to(second, spec()),
    ];
    scene.store.fault("acquire", [Fault::Late(SECOND)]);
    let worker = scene.start();
    until("it asks", || scene.journal.count("ask") == 1).await;
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert_eq!(
        scene.journal.count("ask"),
        1,
        "the second one was not asked"
    );
    for job in jobs {
        assert_eq!(scene.executor.starts(job), 0);
        assert_eq!(scene.store.place(job), Place::Ready);
    }
    assert_eq!((report.launched, report.unfinished), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_that_collides_during_a_drain_is_not_sent_again() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene
        .store
        .fault("acquire", (0..100).map(|_| Fault::Before(busy())));
    let worker = scene.start();
    until("it asks", || scene.journal.count("ask") >= 3).await;
    worker.shutdown.drain();
    let asked = scene.journal.count("ask");
    worker.ended().await;
    assert_eq!(scene.journal.count("ask"), asked);
}

#[tokio::test(start_paused = true)]
async fn what_an_acquisition_brings_late_goes_back_before_the_goodbye() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    let job = scene.job();
    scene
        .store
        .fault("acquire", [Fault::Late(Duration::from_secs(4))]);
    let worker = scene.start();
    until("it asks", || scene.journal.count("ask") == 1).await;
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() < 6 * SECOND, "{:?}", begun.elapsed());
    sleep(60 * SECOND).await;
    assert_eq!(scene.store.place(job), Place::Ready, "no lease is left");
    assert_eq!((report.acquired, report.reconciled), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_grace_longer_than_a_drain_waits_is_cut_and_the_job_goes_back() {
    let mut scene = Scene::new();
    scene.config.shutdown_timeout = SECOND;
    let spec = longshore_core::JobSpec {
        stop_grace: Some(300 * SECOND),
        ..longshore_core::JobSpec::process(["true"])
    };
    let script = Script {
        ignores_term: true,
        ..Script::runs_for_ever()
    };
    let job = scene.scripted_of(spec, script);
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    let begun = Instant::now();
    worker.shutdown.drain();
    let report = worker.ended().await;
    assert!(begun.elapsed() < 35 * SECOND, "{:?}", begun.elapsed());
    assert_eq!((report.handed_back, report.unfinished), (1, 0));
    assert_eq!(scene.store.place(job), Place::Ready);
    assert_eq!(scene.executor.live(), 0);
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
