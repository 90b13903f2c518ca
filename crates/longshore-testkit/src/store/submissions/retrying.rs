//! A person's retry: the one way out of `failed` and `timed_out` (promise S6).

use std::time::Duration;

use longshore_core::disposition::{Disposition, Spent};
use longshore_core::state::TerminalState;
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, is_unknown_job, refused_in};
use crate::store::seed::Seed;

pub async fn a_retried_job_is_queued_with_its_budgets_whole(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    scene
        .end(key, Disposition::RetryAfter(Duration::ZERO))
        .await;
    let key = scene.acquire_one().await.key;
    scene.end(key, Disposition::Lost).await;
    let lease = scene.acquire_one().await;
    assert_eq!(
        lease.spent,
        Spent {
            tries: 1,
            losses: 1
        }
    );
    scene.start(lease.key).await;
    scene.settle(lease.key, TerminalState::Failed).await;

    scene.store.retry_job(key.job).await.expect("failed");
    let detail = scene.show(key.job).await;
    assert_eq!(detail.summary.state, State::Queued);
    assert_eq!(detail.summary.ended_at, None, "it has not ended any more");
    assert_eq!(detail.attempts_made.len(), 3, "what was is kept");
    let retried = scene.acquire_one().await;
    assert_eq!(retried.spent, Spent::default());
    assert_eq!(retried.key.attempt.0, 4, "attempt numbers go on");
    assert!(retried.key.token > lease.key.token);
}

pub async fn failed_timed_out_and_retrying_jobs_can_be_retried(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in [State::Failed, State::TimedOut, State::Retrying] {
        let job = scene.job_in(state).await;
        scene.store.retry_job(job).await.expect("it may be retried");
        assert_eq!(scene.state(job).await, State::Queued, "from {state}");
        let key = scene.acquire_one().await.key;
        assert_eq!(key.job, job, "a retry is due at once");
        scene.start(key).await;
        scene.settle(key, TerminalState::Completed).await;
        assert_eq!(scene.state(job).await, State::Completed, "from {state}");
    }
}

pub async fn no_other_job_can_be_retried(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let may = [State::Failed, State::TimedOut, State::Retrying];
    for state in State::ALL.into_iter().filter(|state| !may.contains(state)) {
        let job = scene.job_in(state).await;
        assert_eq!(refused_in(scene.store.retry_job(job).await, job), state);
        assert_eq!(
            scene.state(job).await,
            state,
            "a refused move changes nothing"
        );
    }
    let nobody = JobId(i64::MAX);
    assert!(is_unknown_job(&scene.store.retry_job(nobody).await, nobody));
}

pub async fn twin_retries_queue_a_job_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    for _ in 0..20 {
        let job = scene.job_in(State::Failed).await;
        let (a, b) = tokio::join!(scene.store.retry_job(job), other.retry_job(job));
        let lost = match (a, b) {
            (Ok(()), lost) | (lost, Ok(())) => lost,
            both => panic!("one of the two retries it: {both:?}"),
        };
        assert_eq!(refused_in(lost, job), State::Queued);
        let leases = scene.acquire(2).await;
        assert_eq!(leases.len(), 1, "it stands in line once");
        scene
            .end(leases[0].key, Disposition::Settle(TerminalState::Failed))
            .await;
    }
}
