//! Limits, one step at a time (promise S3); under fire: [`super::contention`].

use longshore_core::disposition::Disposition;
use longshore_core::limit::Limit;
use longshore_core::state::TerminalState;
use longshore_core::store::AcquireRequest;

use super::StoreHarness;
use super::scene::{LATER, Scene, new_queue};
use super::seed::Seed;

const COMPLETED: TerminalState = TerminalState::Completed;

pub async fn a_queue_gives_no_more_than_its_limit_over_all_workers(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 3).await;
    let twin = scene.twin(h).await;
    let jobs = scene.submit_all(Seed::jobs(6)).await;
    assert_eq!(scene.acquire_ids(2).await, jobs[..2]);
    assert_eq!(twin.acquire_ids(10).await, jobs[2..3], "one slot is left");
    assert_eq!(scene.acquire_ids(10).await, []);
    assert_eq!(twin.acquire_ids(10).await, []);
}

pub async fn every_way_to_end_an_attempt_frees_its_slot(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 1).await;
    let ways = [
        Disposition::Settle(COMPLETED),
        Disposition::Settle(TerminalState::Failed),
        Disposition::RetryAfter(LATER),
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for then in ways {
        let key = scene.running(Seed::job().priority(100)).await;
        let next = scene.submit(Seed::job().priority(100)).await;
        assert_eq!(scene.acquire_ids(1).await, [], "the slot is taken");
        scene.end(key, then).await;
        let leases = scene.acquire(5).await;
        assert_eq!(leases.len(), 1, "one slot is free after {then:?}");
        let expected = match then {
            Disposition::HandBack | Disposition::Lost => key.job,
            Disposition::Settle(_) | Disposition::RetryAfter(_) => next,
        };
        assert_eq!(leases[0].key.job, expected);
        scene.settle(leases[0].key, COMPLETED).await;
        while let Some(lease) = scene.acquire(1).await.pop() {
            scene.settle(lease.key, COMPLETED).await;
        }
    }
}

pub async fn a_launching_job_holds_its_slot_like_a_running_one(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 2).await;
    scene.running(Seed::job()).await;
    scene.leased(Seed::job()).await;
    scene.submit(Seed::job()).await;
    assert_eq!(scene.acquire_ids(1).await, []);
}

pub async fn a_limit_of_zero_holds_everything_back(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 0).await;
    let job = scene.submit(Seed::job()).await;
    assert_eq!(scene.acquire_ids(10).await, []);
    scene.set_limit(Some(1)).await;
    assert_eq!(scene.acquire_ids(10).await, [job]);
}

pub async fn a_limit_lowered_below_what_runs_ends_nothing_and_starts_nothing(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 4).await;
    scene.submit_all(Seed::jobs(10)).await;
    let mut leases = scene.acquire(4).await;
    scene.set_limit(Some(2)).await;
    let held = scene.store.leases_of(scene.worker).await.expect("leases");
    assert_eq!(held.len(), 4, "nothing was taken away");
    for live_after in [3, 2] {
        scene
            .settle(leases.pop().expect("a live one").key, COMPLETED)
            .await;
        assert_eq!(scene.acquire(10).await, [], "{live_after} run, 2 may");
    }
    scene
        .settle(leases.pop().expect("a live one").key, COMPLETED)
        .await;
    assert_eq!(scene.acquire(10).await.len(), 1, "1 runs, 2 may");
}

pub async fn a_raised_limit_gives_its_new_slots_at_once(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 1).await;
    let twin = scene.twin(h).await;
    scene.submit_all(Seed::jobs(10)).await;
    assert_eq!(scene.acquire(10).await.len(), 1);
    twin.set_limit(Some(4)).await;
    assert_eq!(
        scene.acquire(10).await.len(),
        3,
        "set through another handle"
    );
    twin.set_limit(None).await;
    assert_eq!(scene.acquire(10).await.len(), 6);
}

pub async fn a_limit_set_on_a_queue_counts_what_was_acquired_without_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(5)).await;
    let mut leases = scene.acquire(3).await;
    scene.set_limit(Some(3)).await;
    assert_eq!(scene.acquire(10).await, []);
    scene.settle(leases.remove(0).key, COMPLETED).await;
    assert_eq!(scene.acquire(10).await.len(), 1);
}

pub async fn a_call_can_bring_a_limit_of_its_own(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    scene.submit_all(Seed::jobs(10)).await;
    let limited = |scene: &Scene, limit| AcquireRequest {
        max_concurrent: Some(Limit(limit)),
        ..scene.request(10)
    };
    let taken = async |scene: &Scene, limit| {
        scene
            .store
            .acquire(limited(scene, limit))
            .await
            .expect("acquire")
            .leases
            .len()
    };
    assert_eq!(taken(&scene, 3).await, 3);
    assert_eq!(
        taken(&twin, 3).await,
        0,
        "leases of the queue count, whosoever they are"
    );
    assert_eq!(taken(&twin, 4).await, 1);
    assert_eq!(taken(&scene, 0).await, 0);
    assert_eq!(
        scene.acquire(2).await.len(),
        2,
        "a call without a limit is not bound by others'"
    );
}

pub async fn the_lesser_of_both_limits_counts(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 2).await;
    scene.submit_all(Seed::jobs(10)).await;
    for (call, taken) in [(1, 1), (5, 1), (5, 0)] {
        let request = AcquireRequest {
            max_concurrent: Some(Limit(call)),
            ..scene.request(10)
        };
        let leases = scene.store.acquire(request).await.expect("acquire").leases;
        assert_eq!(leases.len(), taken, "max_concurrent {call}");
    }
}

pub async fn the_largest_limit_and_cap_hold_nothing_back(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, Limit::MAX.0).await;
    let jobs = scene.submit_all(Seed::jobs(4)).await;
    assert_eq!(scene.acquire_ids(1).await, jobs[..1]);
    for (index, cap) in [(1, Limit::MAX), (2, Limit(u32::MAX))] {
        let request = AcquireRequest {
            max_concurrent: Some(cap),
            ..scene.request(1)
        };
        let leases = scene.store.acquire(request).await.expect("acquire").leases;
        assert_eq!(leases.len(), 1, "{cap:?}");
        assert_eq!(leases[0].key.job, jobs[index]);
    }
    scene.set_limit(None).await;
    let request = AcquireRequest {
        max_concurrent: Some(Limit::MAX),
        ..scene.request(1)
    };
    let leases = scene.store.acquire(request).await.expect("acquire").leases;
    assert_eq!(leases.len(), 1, "a cap alone");
}

pub async fn the_limit_of_one_queue_is_no_other_queues(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 1).await;
    let other = scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    scene
        .submit_all([
            Seed::job(),
            Seed::job().queue("other"),
            Seed::job().queue("other"),
        ])
        .await;
    assert_eq!(scene.acquire(10).await.len(), 1);
    let request = AcquireRequest {
        queue: other.id,
        ..scene.request(10)
    };
    assert_eq!(
        scene
            .store
            .acquire(request)
            .await
            .expect("acquire")
            .leases
            .len(),
        2
    );
}

pub async fn what_is_not_acquired_for_a_limit_keeps_its_place(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 1).await;
    let jobs = scene.submit_all(Seed::jobs(4)).await;
    for expected in jobs {
        let leases = scene.acquire(10).await;
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].key.job, expected);
        scene.settle(leases[0].key, COMPLETED).await;
    }
}
