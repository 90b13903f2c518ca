//! The worker's loop: slots, limits, when it ends, and what it refuses.

use std::time::Duration;

use longshore_core::limit::Limit;
use longshore_core::state::TerminalState;
use longshore_queue::{EndedBy, GracefulShutdown, Phase, QueueError, Until, Worker};
use tokio::time::{Instant, sleep};

use crate::support::{Fault, Place, Scene, Script, start_worker, unavailable, until};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn never_more_than_its_slots_run_and_all_slots_are_used() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 4;
    let jobs: Vec<i64> = (0..40)
        .map(|_| scene.scripted(Script::runs_for(SECOND)))
        .collect();
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!(report.completed, 40);
    assert_eq!((scene.executor.most_live(), report.peak), (4, 4));
    assert!(
        begun.elapsed() < 13 * SECOND,
        "a freed slot is used at once: {:?}",
        begun.elapsed()
    );
    assert!(jobs.iter().all(|job| scene.executor.starts(*job) == 1));
}

#[tokio::test(start_paused = true)]
async fn a_queues_limit_holds_and_its_free_slot_is_seen_at_once() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 10;
    scene.config.poll_interval = 100 * SECOND;
    scene.store.lock().queues[0].max_concurrent = Some(Limit(2));
    for _ in 0..10 {
        scene.scripted(Script::runs_for(SECOND));
    }
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!((report.completed, scene.executor.most_live()), (10, 2));
    assert!(
        begun.elapsed() < 10 * SECOND,
        "without a poll: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn once_takes_one_batch_and_watches_it_to_its_end() {
    let mut scene = Scene::new();
    scene.config.until = Until::OneBatch;
    scene.config.max_concurrent = 2;
    let jobs: Vec<i64> = (0..3)
        .map(|_| scene.scripted(Script::runs_for(100 * SECOND)))
        .collect();
    let report = scene.work().await;
    assert_eq!((report.acquired, report.completed), (2, 2));
    assert_eq!(report.ended_by, EndedBy::OneBatch);
    assert_eq!(scene.store.place(jobs[2]), Place::Ready);
}

#[tokio::test(start_paused = true)]
async fn once_takes_one_batch_although_a_queue_of_its_round_fails() {
    let mut scene = Scene::new();
    scene.config.until = Until::OneBatch;
    scene.config.queues = vec!["local".to_owned(), "second".to_owned()];
    let _ = scene.store.add_queue(3, "second");
    let first = scene.scripted(Script::runs_for(30 * SECOND));
    let command = longshore_core::JobSpec::process(["true"]);
    let failing = scene.store.add_to(longshore_core::QueueId(3), Ok(command));
    scene
        .store
        .fault("acquire", [Fault::None, Fault::Before(unavailable())]);
    let worker = scene.start();
    until("it runs", || scene.store.is_running(first)).await;
    let second = scene.job();
    let report = worker.ended().await;
    assert_eq!((report.acquired, report.ended_by), (1, EndedBy::OneBatch));
    for left in [failing, second] {
        assert_eq!(scene.store.place(left), Place::Ready);
    }
}

#[tokio::test(start_paused = true)]
async fn once_takes_no_second_batch_under_a_fresh_id() {
    let mut scene = Scene::new();
    scene.config.until = Until::OneBatch;
    scene.config.max_concurrent = 1;
    let taken = scene.scripted(Script::runs_for_ever());
    let worker = scene.start();
    until("it runs", || scene.store.is_running(taken)).await;
    let other = scene.job();
    let fenced = |inner: &mut crate::support::WorkerRow| inner.fenced = true;
    scene.store.lock().workers.values_mut().for_each(fenced);
    let report = worker.ended().await;
    assert_eq!((report.acquired, report.fenced), (1, 1));
    assert_eq!(scene.store.place(other), Place::Ready);
}

#[tokio::test(start_paused = true)]
async fn once_waits_for_a_heartbeat_rather_than_end_without_a_batch() {
    let mut scene = Scene::new();
    scene.config.until = Until::OneBatch;
    let job = scene.job();
    // The machine slept for an hour right after the registration.
    let asleep = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (slept, begun) = (std::sync::Arc::clone(&asleep), Instant::now());
    let clock = longshore_queue::BootClock::from_fn(move || {
        // The first reading is the registration's.
        let slept = slept.swap(true, std::sync::atomic::Ordering::Relaxed);
        begun.elapsed() + Duration::from_secs(if slept { 3600 } else { 0 })
    });
    let report = start_worker(scene.worker().with_clock(clock)).ended().await;
    assert_eq!((report.acquired, report.completed), (1, 1));
    assert!(scene.store.is_settled(job, TerminalState::Completed));
}

#[tokio::test(start_paused = true)]
async fn until_empty_waits_for_what_others_run() {
    let mut scene = Scene::new();
    // Nothing but its own look tells it of the other's end.
    scene.config.poll_interval = 200 * SECOND;
    scene.config.heartbeat_interval = 1000 * SECOND;
    scene.config.lease_ttl = 3000 * SECOND;
    scene.store.lock().hints_are_lost = true;
    let job = scene.scripted(Script::runs_for(50 * SECOND));
    let other = scene.start();
    until("another runs it", || scene.store.is_running(job)).await;
    let begun = Instant::now();
    let report = scene.work().await;
    assert_eq!((report.acquired, report.ended_by), (0, EndedBy::Empty));
    // It looks four times as often as one that waits for work.
    let waited = begun.elapsed();
    assert!((49 * SECOND..105 * SECOND).contains(&waited), "{waited:?}");
    other.ended().await;
}

#[tokio::test(start_paused = true)]
async fn several_workers_share_a_queue_and_run_each_job_once() {
    let scene = Scene::new();
    let jobs: Vec<i64> = (0..100)
        .map(|n| scene.scripted(Script::runs_for(Duration::from_millis(n * 7))))
        .collect();
    let workers: Vec<_> = (0..4).map(|_| scene.start()).collect();
    let mut completed = 0;
    for worker in workers {
        completed += worker.ended().await.completed;
    }
    assert_eq!(completed, 100);
    assert!(jobs.iter().all(|job| scene.executor.starts(*job) == 1));
    assert!(scene.executor.most_live() <= 20);
}

#[tokio::test(start_paused = true)]
async fn a_worker_outlasts_a_database_that_goes_away() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(30 * SECOND));
    let worker = scene.start();
    until("it runs", || scene.store.is_running(job)).await;
    scene.store.set_away(true);
    sleep(100 * SECOND).await;
    let later = scene.job();
    scene.store.set_away(false);
    let report = worker.ended().await;
    assert_eq!(report.completed, 2);
    assert!(scene.store.is_settled(later, TerminalState::Completed));
    assert_eq!(scene.store.records(job).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_at_the_beginning_is_an_error_at_once() {
    let scene = Scene::new();
    scene.store.set_away(true);
    let begun = Instant::now();
    let error = scene
        .worker()
        .run(&GracefulShutdown::new())
        .await
        .expect_err("it can't begin");
    assert!(error.is_systems_fault());
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_queue_whose_executor_this_worker_lacks_is_a_clear_error() {
    let mut scene = Scene::new();
    scene.config.queues = vec!["default".to_owned()];
    let error = scene
        .worker()
        .run(&GracefulShutdown::new())
        .await
        .expect_err("it can't serve it");
    assert_eq!(
        error.to_string(),
        "queue \"default\" runs on the docker executor, and this worker has only scripted"
    );
    let none = Worker::new(scene.store.as_dyn(), Vec::new(), scene.config.clone());
    let error = none.expect("valid").run(&GracefulShutdown::new()).await;
    assert!(matches!(error, Err(QueueError::NoExecutor { .. })));
}

#[tokio::test(start_paused = true)]
async fn without_named_queues_it_serves_those_that_it_can() {
    let mut scene = Scene::new();
    scene.config.queues = Vec::new();
    let job = scene.job();
    let report = scene.work().await;
    assert_eq!(report.completed, 1);
    assert!(scene.store.is_settled(job, TerminalState::Completed));

    let none = Worker::new(scene.store.as_dyn(), Vec::new(), scene.config.clone());
    let error = none.expect("valid").run(&GracefulShutdown::new()).await;
    assert!(matches!(error, Err(QueueError::NothingToServe { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_schema_from_another_version_ends_the_worker_after_its_jobs() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(5 * SECOND));
    let newer = longshore_core::store::StoreError::SchemaTooNew {
        found: 9,
        supported: 1,
    };
    scene
        .store
        .fault("acquire", [Fault::None, Fault::Before(newer)]);
    let report = scene.work().await;
    assert!(matches!(report.ended_by, EndedBy::Fault(_)), "{report}");
    assert!(scene.store.is_settled(job, TerminalState::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_preview_names_what_would_be_taken_and_takes_nothing() {
    let mut scene = Scene::new();
    scene.config.max_concurrent = 3;
    let spec = |priority| longshore_core::JobSpec {
        priority: longshore_core::Priority::new(priority).expect("in range"),
        ..longshore_core::JobSpec::process(["true"])
    };
    for priority in [50, 20, 80, 50, 80] {
        scene.job_of(spec(priority));
    }
    let preview = scene.worker().preview().await.expect("it reads");
    let ids: Vec<i64> = preview.iter().map(|job| job.id.0).collect();
    assert_eq!(ids, [3, 5, 1]);
    assert!(scene.store.lock().leases.is_empty());
    assert!(scene.store.workers().is_empty(), "it did not even register");
}

#[tokio::test(start_paused = true)]
async fn the_monitor_shows_what_runs() {
    let scene = Scene::new();
    let job = scene.scripted(Script::runs_for(100 * SECOND));
    let worker = scene.worker();
    let monitor = worker.monitor();
    assert!(monitor.status().await.is_none());
    let running = start_worker(worker);
    until("it runs", || scene.store.is_running(job)).await;
    sleep(60 * SECOND).await;
    let status = monitor.status().await.expect("it is registered");
    assert_eq!(status.running.len(), 1);
    assert_eq!(status.running[0].phase, Phase::Running);
    let shown = status.to_string();
    assert!(shown.contains("1 of 5 slots taken"), "{shown}");
    assert!(
        shown.contains("job 1 attempt 1 (local): running for 1m"),
        "{shown}"
    );
    assert!(shown.contains("0 waiting"), "{shown}");
    scene.store.set_away(true);
    let status = monitor.status().await.expect("it is registered");
    assert!(status.metrics.is_err());
    scene.store.set_away(false);
    running.ended().await;
    assert!(monitor.status().await.is_none());
}
