//! Counts equal what was done (promise S12).

use longshore_core::State;
use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::queue::{Count, QueueCounts, WorkerMetrics};
use longshore_core::state::TerminalState;

use crate::store::StoreHarness;
use crate::store::scene::{LATER, QUEUE, Scene, launch_failed, new_queue};
use crate::store::seed::Seed;

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
    let retry = Disposition::RetryAfter(std::time::Duration::ZERO);
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
