//! Why a job waits, in words that say what to do.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::limit::Limit;
use longshore_core::state::TerminalState;
use longshore_core::store::NewWorker;
use longshore_core::waiting::WhyWaiting;
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, QUEUE, Scene, new_worker};
use crate::store::seed::Seed;

async fn why(scene: &Scene, job: JobId) -> WhyWaiting {
    scene.show(job).await.why_waiting.expect("it waits")
}

fn queue() -> String {
    QUEUE.to_owned()
}

pub async fn a_pending_job_says_that_it_is_held(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let submitted = scene.submit(Seed::job().held()).await;
    let taken_out = scene.submit(Seed::job()).await;
    scene.store.dequeue_job(taken_out).await.expect("queued");
    assert_eq!(why(&scene, submitted).await, WhyWaiting::Held);
    assert_eq!(why(&scene, taken_out).await, WhyWaiting::Held);
}

pub async fn a_scheduled_job_says_when_it_is_due(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    let job = scene.submit(Seed::job().due_at(due)).await;
    match why(&scene, job).await {
        WhyWaiting::DueAt { at } => {
            assert!(
                at.duration_since(due).abs().as_millis() <= 1,
                "{at}, not {due}"
            );
        }
        other => panic!("expected its time, got {other:?}"),
    }
}

pub async fn a_retrying_job_says_which_retry_comes_when(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job().max_retries(7)).await;
    scene
        .end(key, Disposition::RetryAfter(Duration::ZERO))
        .await;
    let key = scene.acquire_one().await.key;
    scene.end(key, Disposition::RetryAfter(LATER)).await;
    let due = scene
        .show(key.job)
        .await
        .summary
        .due_at
        .expect("in an hour");
    assert_eq!(
        why(&scene, key.job).await,
        WhyWaiting::RetryAt {
            at: due,
            retry: 2,
            of: 7
        }
    );
}

pub async fn a_job_in_a_paused_queue_says_so(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    scene.pause(true).await;
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::Paused { queue: queue() }
    );
}

pub async fn a_job_behind_a_limit_says_which_and_whose_jobs_hold_it(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 2).await;
    let first = scene.running(Seed::job()).await.job;
    let second = scene.leased(Seed::job()).await.job;
    let job = scene.submit(Seed::job()).await;
    let by = vec![first, second];
    let limit = Limit(2);
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::LimitReached {
            queue: queue(),
            limit,
            by
        }
    );
}

pub async fn a_job_behind_a_large_limit_names_ten_of_the_jobs_that_hold_it(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 12).await;
    let live = scene.submit_all(Seed::jobs(12)).await;
    scene.acquire(12).await;
    let job = scene.submit(Seed::job()).await;
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::LimitReached {
            queue: queue(),
            limit: Limit(12),
            by: live[..10].to_vec()
        }
    );
}

pub async fn a_job_that_nobody_serves_says_so(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    scene
        .store
        .stop_worker(scene.worker)
        .await
        .expect("a known worker");
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::NoWorker { queue: queue() }
    );
}

pub async fn a_job_whose_workers_all_drain_says_so(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let job = scene.submit(Seed::job()).await;
    scene
        .store
        .drain_worker(scene.worker)
        .await
        .expect("a known worker");
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::InLine { queue: queue() }
    );
    scene
        .store
        .drain_worker(twin.worker)
        .await
        .expect("a known worker");
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::WorkersDraining { queue: queue() }
    );
}

pub async fn a_job_whose_workers_are_full_says_so(h: &dyn StoreHarness) {
    let mut scene = Scene::open(h).await;
    scene
        .store
        .stop_worker(scene.worker)
        .await
        .expect("a known worker");
    let small = NewWorker {
        capacity: 1,
        ..new_worker(&[scene.queue.id])
    };
    scene.worker = scene.store.register_worker(&small).await.expect("a worker");
    let running = scene.running(Seed::job()).await;
    let job = scene.submit(Seed::job()).await;
    let full = WhyWaiting::WorkersFull {
        queue: queue(),
        capacity: 1,
    };
    assert_eq!(why(&scene, job).await, full);
    scene.settle(running, TerminalState::Completed).await;
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::InLine { queue: queue() }
    );
}

pub async fn a_job_that_may_go_says_that_it_is_in_line(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    assert_eq!(
        why(&scene, job).await,
        WhyWaiting::InLine { queue: queue() }
    );
}

pub async fn a_job_that_does_not_wait_gives_no_reason(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 5).await;
    for state in State::ALL
        .into_iter()
        .filter(|state| state.is_live() || state.is_terminal())
    {
        let job = scene.job_in(state).await;
        assert_eq!(scene.show(job).await.why_waiting, None, "{state}");
    }
}
