//! Counts equal what was done (promise S12).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use longshore_core::State;
use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::queue::{Count, QueueCounts, WorkerMetrics};
use longshore_core::state::TerminalState;

use crate::store::StoreHarness;
use crate::store::scene::{LATER, QUEUE, Scene, launch_failed, new_queue};
use crate::store::seed::Seed;

/// Until a job that is put off comes due.
const SHORTLY: Duration = Duration::from_millis(100);

const FAILED: Disposition = Disposition::Settle(TerminalState::Failed);

pub async fn metrics_equal_what_was_done(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let fresh = h.open().await.worker_metrics().await.expect("metrics");
    assert_eq!(fresh, WorkerMetrics::default());

    scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    let due = scene.store.now().await.expect("now") + LATER;
    for state in State::ALL {
        scene.job_in(state).await; // one each: the retrying one is due in an hour
    }
    scene
        .submit_all([
            Seed::job(),
            Seed::job().due_at(due),
            Seed::job().due_at(due),
            Seed::job().queue("other"),
            Seed::job().held(),
        ])
        .await;
    let metrics = h.open().await.worker_metrics().await.expect("metrics");
    let expected = WorkerMetrics {
        queue_depth: Count(6),
        ready_now: Count(3),
        scheduled_future: Count(3),
        launching: Count(1),
        running: Count(1),
        launch_failed: Count(0),
    };
    assert_eq!(metrics, expected);
}

pub async fn the_counts_of_each_queue_are_its_own(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    let due = scene.store.now().await.expect("now") + LATER;
    scene.submit(Seed::job().queue("other").due_at(due)).await;
    for state in State::ALL {
        scene.job_in(state).await;
    }
    let stats = h.open().await.queue_stats().await.expect("stats");
    let of = |name: &str| {
        stats
            .iter()
            .find(|s| s.queue.name == name)
            .expect("every queue")
    };
    let line = QueueCounts {
        queue_depth: Count(2),
        ready_now: Count(1),
        scheduled_future: Count(1),
        launching: Count(1),
        running: Count(1),
    };
    assert_eq!(of(QUEUE).counts, line);
    let other = QueueCounts {
        queue_depth: Count(1),
        scheduled_future: Count(1),
        ..QueueCounts::default()
    };
    assert_eq!(of("other").counts, other);
    assert_eq!(of("default").counts, QueueCounts::default());
    assert_eq!((of(QUEUE).workers, of("other").workers), (1, 0));
}

/// When the first job of the scene's queue began to wait.
async fn oldest(h: &dyn StoreHarness) -> Option<Timestamp> {
    let stats = h.open().await.queue_stats().await.expect("stats");
    let of_queue = stats.into_iter().find(|s| s.queue.name == QUEUE);
    of_queue.expect("the queue").oldest_waiting_at
}

/// Times that a store may keep and compare in whole milliseconds.
fn is_about(at: Option<Timestamp>, expected: Timestamp) -> bool {
    at.is_some_and(|at| at.duration_since(expected).abs() < SignedDuration::from_millis(2))
}

pub async fn what_waits_longest_is_known_by_when_it_was_submitted_or_due(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let now = async || scene.store.now().await.expect("now");
    let submitted = async |job| scene.show(job).await.summary.created_at;
    assert_eq!(oldest(h).await, None);
    scene.submit(Seed::job().held()).await;
    scene.submit(Seed::job().due_at(now().await + LATER)).await;
    scene.submit(Seed::job().queue("default")).await;
    assert_eq!(oldest(h).await, None, "none of the queue may start now");

    let due = now().await + SHORTLY;
    scene.submit(Seed::job().priority(10).due_at(due)).await;
    scene.wait_until(due).await;
    assert!(
        is_about(oldest(h).await, due),
        "since it came due, not since it was submitted"
    );
    scene.store.stage_due(10).await.expect("staged");
    assert!(is_about(oldest(h).await, due), "also in its line");

    // Behind it in time, before it in line.
    let urgent = scene.submit(Seed::job().priority(90)).await;
    scene.submit(Seed::job().priority(90)).await;
    let since = submitted(urgent).await;
    assert!(since > due && is_about(oldest(h).await, due));
    let request = scene.request(10);
    let all = scene.store.acquire(request).await.expect("acquired").leases;
    assert_eq!(all.len(), 3);
    assert_eq!(oldest(h).await, None, "what is launched waits no more");

    let low = scene.submit(Seed::job().priority(1)).await;
    let high = scene.submit(Seed::job().priority(99)).await;
    assert_eq!(
        oldest(h).await,
        Some(submitted(low).await),
        "whatever its priority"
    );
    scene.store.request_cancel(low).await.expect("cancelled");
    assert_eq!(oldest(h).await, Some(submitted(high).await));
}

pub async fn what_has_run_before_waits_since_its_last_attempt_ended(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for then in [
        Disposition::HandBack,
        Disposition::Lost,
        Disposition::RetryAfter(Duration::ZERO),
    ] {
        let key = scene.running(Seed::job().retried()).await;
        scene.end(key, then).await;
        scene.store.stage_due(10).await.expect("staged");
        let attempts = scene.show(key.job).await.attempts_made;
        let ended = attempts.last().expect("it has run").ended_at;
        assert!(ended.is_some());
        assert_eq!(oldest(h).await, ended, "{then:?}");
        scene
            .store
            .request_cancel(key.job)
            .await
            .expect("cancelled");
    }
}

pub async fn a_queue_counts_the_workers_that_may_take_its_jobs(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (second, third) = (scene.twin(h).await, scene.twin(h).await);
    let workers = async || {
        let stats = h.open().await.queue_stats().await.expect("stats");
        stats
            .iter()
            .find(|s| s.queue.name == QUEUE)
            .expect("the queue")
            .workers
    };
    assert_eq!(workers().await, 3);
    scene
        .store
        .drain_worker(second.worker)
        .await
        .expect("a known worker");
    assert_eq!(workers().await, 2);
    scene
        .store
        .stop_worker(third.worker)
        .await
        .expect("a known worker");
    assert_eq!(workers().await, 1);
}

pub async fn launch_failed_counts_failed_jobs_whose_last_attempt_never_started(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let count = async || {
        h.open()
            .await
            .worker_metrics()
            .await
            .expect("metrics")
            .launch_failed
            .0
    };

    let ran = scene.running(Seed::job()).await;
    scene.settle(ran, TerminalState::Failed).await;
    assert_eq!(count().await, 0, "it had started");

    let never = scene.leased(Seed::job()).await;
    scene
        .finish(never, launch_failed(ErrorClass::Permanent), FAILED)
        .await;
    assert_eq!(count().await, 1);

    let key = scene.leased(Seed::job().retried()).await;
    let retry = Disposition::RetryAfter(Duration::ZERO);
    scene
        .finish(key, launch_failed(ErrorClass::Transient), retry)
        .await;
    assert_eq!(count().await, 1, "it has not failed yet");
    let key = scene.acquire_one().await.key;
    scene.start(key).await;
    let record = AttemptRecord::exited(Exit::with_code(1));
    scene.finish(key, record, FAILED).await;
    assert_eq!(count().await, 1, "its last attempt started");

    scene.store.retry_job(never.job).await.expect("failed");
    assert_eq!(count().await, 0, "it waits again");
}

pub async fn ended_jobs_are_counted_by_how_they_ended(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let ends = [
        (State::Completed, 3),
        (State::Failed, 2),
        (State::TimedOut, 1),
        (State::Cancelled, 4),
    ];
    for (state, times) in ends {
        for _ in 0..times {
            scene.job_in(state).await;
        }
    }
    scene.job_in(State::Running).await;
    let counts = h.open().await.settled_counts().await.expect("counts");
    for (state, times) in ends {
        assert_eq!(counts.get(&state), Some(&Count(times)), "{state}");
    }
    assert!(counts.keys().all(|state| state.is_terminal()), "{counts:?}");
}
