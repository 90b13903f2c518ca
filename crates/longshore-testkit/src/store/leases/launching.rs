//! From the lease to a container that runs.

use longshore_core::State;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::state::TerminalState;
use longshore_core::store::{FenceOutcome, LeaseStatus};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, handle_of};
use crate::store::seed::Seed;

pub async fn a_launched_job_keeps_its_handle_and_host_and_is_still_launching(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    assert_eq!(scene.mark_launched(key).await, FenceOutcome::Stored);
    let detail = scene.show(key.job).await;
    assert_eq!(detail.summary.state, State::Launching);
    let attempt = &detail.attempts_made[0];
    assert_eq!(attempt.handle, Some(handle_of(key).0));
    assert_eq!(attempt.host, Some(scene.host));
    assert_eq!(attempt.started_at, None);
}

pub async fn a_lost_reply_to_a_launch_can_be_asked_again(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    for _ in 0..2 {
        assert_eq!(scene.mark_launched(key).await, FenceOutcome::Stored);
    }
    let other = Handle("created anew".to_owned());
    let fenced = scene
        .store
        .mark_launched(key, scene.host, &other, Demand::default())
        .await
        .expect("launched");
    assert_eq!(fenced, FenceOutcome::Stored);
    assert_eq!(
        scene.show(key.job).await.attempts_made[0].handle,
        Some(other.0)
    );
}

pub async fn a_job_whose_container_was_seen_running_is_running(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    scene.start(key).await;
    let detail = scene.show(key.job).await;
    assert_eq!(detail.summary.state, State::Running);
    let started = detail.summary.started_at.expect("it runs");
    assert_eq!(detail.attempts_made[0].started_at, Some(started));
    assert!(started >= detail.attempts_made[0].claimed_at);
}

pub async fn saying_again_that_it_runs_says_nothing_new(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let first = scene.show(key.job).await.summary.started_at;
    let now = scene.store.now().await.expect("now");
    crate::wait::eventually("the clock goes on", async || {
        let later = scene.store.now().await.expect("now");
        (later.duration_since(now).as_millis() > 2).then_some(())
    })
    .await;
    let status = scene.store.mark_running(key).await.expect("mark running");
    assert_eq!(status, LeaseStatus::Held);
    assert_eq!(scene.show(key.job).await.summary.started_at, first);
}

pub async fn leases_are_checked_in_the_order_of_the_question(h: &dyn StoreHarness) {
    use LeaseStatus::{CancelRequested, Held, Lost};
    let scene = Scene::open(h).await;
    let ended = scene.running(Seed::job()).await;
    scene.settle(ended, TerminalState::Completed).await;
    let held = scene.leased(Seed::job()).await;
    let asked = scene.running(Seed::job()).await;
    scene.store.request_cancel(asked.job).await.expect("live");
    for (keys, expected) in [
        (vec![asked, ended, held], vec![CancelRequested, Lost, Held]),
        (vec![held, held, asked], vec![Held, Held, CancelRequested]),
        (vec![], vec![]),
    ] {
        assert_eq!(
            scene.store.check_leases(&keys).await.expect("check"),
            expected
        );
    }
}
