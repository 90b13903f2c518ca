//! Whoever lost its leases to another changes nothing any more (S5).

use longshore_core::disposition::Disposition;
use longshore_core::output::Stream;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    FenceOutcome, FinishOutcome, Heartbeat, LeaseKey, LeaseStatus, OutputRequest,
};

use super::{MANY, falls_silent, part, says_goodbye, successor, take_one, take_over};
use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, record_for};
use crate::store::seed::Seed;

/// Every write of an attempt, under this key: each is refused.
async fn assert_refused(scene: &Scene, key: LeaseKey) {
    let store = &scene.store;
    assert_eq!(scene.mark_launched(key).await, FenceOutcome::Lost);
    let status = store.mark_running(key).await;
    assert_eq!(status.expect("mark running"), LeaseStatus::Lost);
    let status = store.note_launch(key, "pulling").await;
    assert_eq!(status.expect("note the launch"), LeaseStatus::Lost);
    let forged = part(key, 9, Stream::Stdout, 0, b"forged");
    let statuses = store.append_output(&[forged]).await;
    assert_eq!(statuses.expect("append"), [LeaseStatus::Lost]);
    assert_eq!(scene.status(key).await, LeaseStatus::Lost);
    let ways = [
        Disposition::Settle(TerminalState::Completed),
        Disposition::Settle(TerminalState::Cancelled),
        Disposition::RetryAfter(LATER),
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for then in ways {
        let outcome = scene.finish(key, record_for(then), then).await;
        assert_eq!(outcome, FinishOutcome::LeaseLost, "{then:?}");
    }
}

async fn output(scene: &Scene, key: LeaseKey) -> usize {
    let request = OutputRequest {
        job: key.job,
        attempt: None,
        after: None,
        max_bytes: u32::MAX,
    };
    let page = scene.store.read_output(request).await;
    page.expect("output").chunks.len()
}

pub async fn a_worker_that_was_fenced_is_told_so_and_changes_nothing_any_more(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    scene.submit_all(Seed::jobs(3)).await;
    let leases = scene.acquire(2).await;
    let [launching, running] = [leases[0].key, leases[1].key];
    scene.start(running).await;
    falls_silent(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    for (old, taken) in [launching, running].into_iter().zip(&taken) {
        let before = next.show(old.job).await;
        assert_refused(&scene, old).await;
        assert_eq!(next.show(old.job).await, before);
        assert_eq!(output(&next, old).await, 0);
        assert_eq!(next.status(taken.lease.key).await, LeaseStatus::Held);
    }
    assert_eq!(scene.acquire_ids(1).await, [], "it acquires nothing either");
    let answer = scene.store.heartbeat(scene.worker).await;
    assert_eq!(answer.expect("heartbeat"), Heartbeat::Fenced);
    assert!(next.acquire(1).await.len() == 1, "others do");
    // Not after the end either: what ended, ended under another token.
    let ended = taken[1].lease.key;
    next.settle(ended, TerminalState::Completed).await;
    assert_refused(&scene, running).await;
    let then = Disposition::Settle(TerminalState::Completed);
    let again = next.finish(ended, record_for(then), then).await;
    assert_eq!(again, FinishOutcome::AlreadyFinished);
}

pub async fn every_holder_but_the_last_is_refused(h: &dyn StoreHarness) {
    let mut holder = Scene::open(h).await;
    let mut old = vec![holder.running(Seed::job()).await];
    for round in 0..4 {
        if round % 2 == 0 {
            falls_silent(h, &holder).await;
        } else {
            says_goodbye(&holder).await;
        }
        let next = successor(h, &holder).await;
        let taken = take_one(&next).await;
        assert_eq!(Some(&taken.last_token), old.last().map(|key| &key.token));
        for key in &old {
            assert_refused(&holder, *key).await;
        }
        old.push(taken.lease.key);
        holder = next;
    }
    let last = *old.last().expect("the holder's");
    holder.settle(last, TerminalState::Completed).await;
    for key in &old[..4] {
        assert_refused(&holder, *key).await;
    }
}

pub async fn a_promised_cancellation_outlives_a_take_over(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let key = scene.running(Seed::job()).await;
    scene.store.request_cancel(key.job).await.expect("live");
    falls_silent(h, &scene).await;
    let taken = take_one(&next).await;
    assert!(taken.cancel_requested);
    let key = taken.lease.key;
    assert_eq!(next.status(key).await, LeaseStatus::CancelRequested);
    let then = Disposition::Lost;
    let outcome = next.finish(key, record_for(then), then).await;
    assert_eq!(outcome, FinishOutcome::Cancelled);
}
