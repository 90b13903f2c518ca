//! Cancelling: at once while a job waits, by its worker while it is live.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{CancelOutcome, FenceOutcome, FinishOutcome, LeaseStatus};
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, is_unknown_job, record_for};
use crate::store::seed::Seed;

pub async fn a_waiting_job_is_cancelled_at_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    let mut jobs = vec![scene.submit(Seed::job().due_at(due)).await];
    for state in [State::Pending, State::Queued, State::Retrying] {
        jobs.push(scene.job_in(state).await);
    }
    for job in jobs {
        let outcome = scene.store.request_cancel(job).await.expect("a known job");
        assert_eq!(outcome, CancelOutcome::Cancelled);
        let summary = scene.show(job).await.summary;
        assert_eq!(summary.state, State::Cancelled);
        assert!(summary.ended_at.is_some());
        assert_eq!(summary.due_at, None);
    }
    assert_eq!(scene.acquire_ids(10).await, []);
}

pub async fn cancelling_a_live_job_asks_its_worker(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in [State::Launching, State::Running] {
        let job = scene.job_in(state).await;
        assert!(!scene.show(job).await.cancel_requested);
        for _ in 0..2 {
            let outcome = scene.store.request_cancel(job).await.expect("a known job");
            assert_eq!(outcome, CancelOutcome::Requested, "also when asked again");
        }
        let detail = scene.show(job).await;
        assert_eq!(
            detail.summary.state, state,
            "until its worker has stopped it"
        );
        assert!(detail.cancel_requested);
    }
}

pub async fn a_worker_learns_of_a_cancellation_wherever_it_asks(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    let untouched = scene.leased(Seed::job()).await;
    scene.store.request_cancel(key.job).await.expect("live");
    assert_eq!(
        scene.mark_launched(key).await,
        FenceOutcome::CancelRequested,
        "before the start"
    );
    let status = scene.store.mark_running(key).await.expect("mark running");
    assert_eq!(status, LeaseStatus::CancelRequested);
    let statuses = scene
        .store
        .check_leases(&[untouched, key])
        .await
        .expect("check");
    assert_eq!(statuses, [LeaseStatus::Held, LeaseStatus::CancelRequested]);
    scene.settle(key, TerminalState::Cancelled).await;
    assert_eq!(scene.state(key.job).await, State::Cancelled);
}

pub async fn cancelling_an_ended_job_says_how_it_ended(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in State::ALL.into_iter().filter(|state| state.is_terminal()) {
        let job = scene.job_in(state).await;
        let outcome = scene.store.request_cancel(job).await.expect("a known job");
        assert_eq!(outcome, CancelOutcome::AlreadyEnded(state));
        assert_eq!(scene.state(job).await, state);
    }
}

pub async fn a_lost_reply_to_a_cancellation_can_be_asked_again(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    scene.store.request_cancel(job).await.expect("waiting");
    let again = scene
        .store
        .request_cancel(job)
        .await
        .expect("the same call again");
    assert_eq!(again, CancelOutcome::AlreadyEnded(State::Cancelled));
}

pub async fn cancelling_an_unknown_job_is_an_error(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let nobody = JobId(i64::MAX);
    assert!(is_unknown_job(
        &scene.store.request_cancel(nobody).await,
        nobody
    ));
}

pub async fn a_promised_cancellation_outlives_the_attempt_it_was_asked_of(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let after = [
        Disposition::HandBack,
        Disposition::Lost,
        Disposition::RetryAfter(Duration::ZERO),
    ];
    for then in after {
        let key = scene.running(Seed::job()).await;
        let outcome = scene.store.request_cancel(key.job).await.expect("live");
        assert_eq!(outcome, CancelOutcome::Requested);
        assert_eq!(
            scene.finish(key, record_for(then), then).await,
            FinishOutcome::Cancelled,
            "its worker is told of it"
        );
        assert_eq!(
            scene.state(key.job).await,
            State::Cancelled,
            "a person was told that it ends, so {then:?} must not start it again"
        );
    }
}

pub async fn a_cancellation_meets_an_acquisition_before_or_after_it_never_between(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    for round in 0..100 {
        let job = scene.submit(Seed::job()).await;
        let (leases, outcome) = tokio::join!(scene.acquire(1), other.request_cancel(job));
        match outcome.expect("a known job") {
            CancelOutcome::Cancelled => {
                assert!(
                    leases.is_empty(),
                    "round {round}: cancelled, and leased as well"
                );
                assert_eq!(scene.state(job).await, State::Cancelled);
            }
            CancelOutcome::Requested => {
                assert_eq!(
                    leases.len(),
                    1,
                    "round {round}: asked a worker that has no lease"
                );
                let key = leases[0].key;
                assert_eq!(scene.status(key).await, LeaseStatus::CancelRequested);
                scene.settle(key, TerminalState::Cancelled).await;
            }
            CancelOutcome::AlreadyEnded(state) => {
                panic!("round {round}: nothing ended it: {state}")
            }
        }
    }
}

pub async fn a_cancellation_meets_a_finish_before_or_after_it_never_between(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    let then = Disposition::Settle(TerminalState::Completed);
    for round in 0..50 {
        let key = scene.running(Seed::job()).await;
        let finish = scene.finish(key, record_for(then), then);
        let (finished, cancelled) = tokio::join!(finish, other.request_cancel(key.job));
        assert_eq!(finished, FinishOutcome::Finished, "round {round}");
        match cancelled.expect("a known job") {
            CancelOutcome::Requested | CancelOutcome::AlreadyEnded(State::Completed) => {}
            other => panic!("round {round}: {other:?}"),
        }
        assert_eq!(
            scene.state(key.job).await,
            State::Completed,
            "it had completed by itself"
        );
    }
}
