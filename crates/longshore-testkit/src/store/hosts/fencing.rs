//! The fence before a start: the outcomes of `mark_launched`, and that what it refuses changes
//! nothing.

use longshore_core::disposition::Disposition;
use longshore_core::host::{Capacity, Demand, Lack, Used};
use longshore_core::state::TerminalState;
use longshore_core::store::{FenceOutcome, LeaseKey};
use longshore_core::{HostId, State};

use super::{bound, change, demand, enable, host, leases, refused_field, slots, used};
use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, handle_of, host_facts, stale};
use crate::store::seed::Seed;

const DONE: TerminalState = TerminalState::Completed;

const BOUNDED: Capacity = Capacity {
    slots: Some(3),
    memory_bytes: Some(1000),
    millicpus: Some(2000),
};

async fn fence(scene: &Scene, key: LeaseKey, demand: Demand) -> FenceOutcome {
    scene.mark_launched_on(key, scene.host, demand).await
}

/// Panics unless nothing was stored of a launch.
async fn assert_not_launched(scene: &Scene, key: LeaseKey) {
    let detail = scene.show(key.job).await;
    assert_eq!(detail.summary.state, State::Launching);
    let attempt = detail.attempts_made.last().expect("its live attempt");
    assert_eq!((&attempt.handle, attempt.host), (&None, None));
}

pub async fn a_launch_takes_its_demand_of_its_host_and_of_no_other(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let keys = leases(&scene, 3).await;
    assert_eq!(used(&scene).await, Used::default(), "a lease alone is none");
    for (key, demand) in keys.iter().zip([demand(300, 1500), demand(0, 0)]) {
        assert_eq!(fence(&scene, *key, demand).await, FenceOutcome::Stored);
    }
    let taken = Used {
        slots: 2,
        memory_bytes: 300,
        millicpus: 1500,
    };
    assert_eq!(used(&scene).await, taken);
    assert_eq!(host(&scene, other).await.used, Used::default());
}

pub async fn a_launch_that_fits_to_the_last_bit_is_stored(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    bound(&scene, BOUNDED).await;
    let keys = leases(&scene, 3).await;
    for (key, demand) in keys
        .iter()
        .zip([demand(400, 1999), demand(600, 1), demand(0, 0)])
    {
        assert_eq!(fence(&scene, *key, demand).await, FenceOutcome::Stored);
    }
    let full = Used {
        slots: 3,
        memory_bytes: 1000,
        millicpus: 2000,
    };
    assert_eq!(used(&scene).await, full);
}

pub async fn a_full_host_says_what_it_lacks_and_stores_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    bound(&scene, BOUNDED).await;
    let keys = leases(&scene, 5).await;
    let [first, second, third, last, ..] = keys[..] else {
        panic!("five leases")
    };
    assert_eq!(
        fence(&scene, first, demand(400, 500)).await,
        FenceOutcome::Stored
    );
    let before = used(&scene).await;
    for (asked, lack) in [
        (
            demand(601, 0),
            Lack::Memory {
                free: 600,
                of: 1000,
                wanted: 601,
            },
        ),
        (
            demand(600, 1501),
            Lack::Cpus {
                free: 1500,
                of: 2000,
                wanted: 1501,
            },
        ),
        (
            demand(Capacity::MAX - 400, 0),
            Lack::Memory {
                free: 600,
                of: 1000,
                wanted: Capacity::MAX - 400,
            },
        ),
    ] {
        let outcome = fence(&scene, second, asked).await;
        assert_eq!(outcome, FenceOutcome::HostFull(lack), "{asked:?}");
        assert_not_launched(&scene, second).await;
        assert_eq!(used(&scene).await, before);
    }
    // It can still go elsewhere, or here with less.
    for key in [second, third] {
        assert_eq!(fence(&scene, key, demand(0, 0)).await, FenceOutcome::Stored);
    }
    let no_slot = FenceOutcome::HostFull(Lack::Slots { of: 3 });
    assert_eq!(fence(&scene, last, demand(0, 0)).await, no_slot);
    assert_not_launched(&scene, last).await;
}

pub async fn a_host_without_bounds_is_never_full(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for key in leases(&scene, 3).await {
        let all = demand(Capacity::MAX / 4, Capacity::MAX / 4);
        assert_eq!(fence(&scene, key, all).await, FenceOutcome::Stored);
    }
    bound(&scene, slots(5)).await;
    let key = leases(&scene, 1).await[0];
    let all = demand(Capacity::MAX / 5, Capacity::MAX / 5);
    assert_eq!(fence(&scene, key, all).await, FenceOutcome::Stored);
}

pub async fn a_host_of_no_slots_takes_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    bound(&scene, slots(0)).await;
    let key = leases(&scene, 1).await[0];
    let no_slot = FenceOutcome::HostFull(Lack::Slots { of: 0 });
    assert_eq!(fence(&scene, key, demand(0, 0)).await, no_slot);
    assert_not_launched(&scene, key).await;
}

pub async fn every_way_to_end_an_attempt_frees_its_room(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let room = Capacity {
        slots: Some(1),
        memory_bytes: Some(100),
        millicpus: Some(100),
    };
    bound(&scene, room).await;
    let ways = [
        Disposition::Settle(TerminalState::Completed),
        Disposition::Settle(TerminalState::Failed),
        Disposition::Settle(TerminalState::TimedOut),
        Disposition::Settle(TerminalState::Cancelled),
        Disposition::RetryAfter(LATER),
        Disposition::HandBack,
        Disposition::Lost,
    ];
    for then in ways {
        let key = scene.leased(Seed::job().priority(100)).await;
        let fenced = fence(&scene, key, demand(100, 100)).await;
        assert_eq!(fenced, FenceOutcome::Stored, "before {then:?}");
        scene.end(key, then).await;
        assert_eq!(used(&scene).await, Used::default(), "{then:?}");
        // What went back to its line stands before the next one.
        if matches!(then, Disposition::HandBack | Disposition::Lost) {
            scene.store.request_cancel(key.job).await.expect("waits");
        }
    }
}

pub async fn a_disabled_host_gets_no_launch_until_it_is_enabled_again(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let [runs, key] = leases(&scene, 2).await[..] else {
        panic!("two leases")
    };
    scene.start(runs).await;
    assert!(!enable(&scene, false).await.enabled);
    // Also where it is full: that it gets none is what matters.
    bound(&scene, slots(1)).await;
    let outcome = fence(&scene, key, demand(1, 1)).await;
    assert_eq!(outcome, FenceOutcome::HostDisabled);
    assert_not_launched(&scene, key).await;
    assert_eq!(
        scene.state(runs.job).await,
        State::Running,
        "what runs goes on"
    );
    bound(&scene, Capacity::default()).await;
    assert!(enable(&scene, true).await.enabled);
    let outcome = fence(&scene, key, demand(1, 1)).await;
    assert_eq!(outcome, FenceOutcome::Stored);
}

pub async fn a_launch_that_was_stored_is_stored_again_whatever_became_of_its_host(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    bound(&scene, slots(1)).await;
    let key = leases(&scene, 1).await[0];
    for _ in 0..2 {
        let outcome = fence(&scene, key, demand(7, 7)).await;
        assert_eq!(outcome, FenceOutcome::Stored, "full with itself alone");
    }
    bound(&scene, slots(0)).await;
    enable(&scene, false).await;
    let outcome = fence(&scene, key, demand(7, 7)).await;
    assert_eq!(outcome, FenceOutcome::Stored, "its reply was lost");
    let taken = Used {
        slots: 1,
        memory_bytes: 7,
        millicpus: 7,
    };
    assert_eq!(used(&scene).await, taken, "counted once");
}

pub async fn a_job_whose_end_was_asked_for_is_fenced_even_without_room(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let keys = leases(&scene, 3).await;
    for key in &keys {
        scene.store.request_cancel(key.job).await.expect("live");
    }
    let outcome = fence(&scene, keys[0], demand(1, 1)).await;
    assert_eq!(outcome, FenceOutcome::CancelRequested, "with room");
    bound(&scene, slots(1)).await;
    let outcome = fence(&scene, keys[1], demand(1, 1)).await;
    assert_eq!(outcome, FenceOutcome::CancelRequested, "without room");
    enable(&scene, false).await;
    let outcome = fence(&scene, keys[2], demand(1, 1)).await;
    assert_eq!(outcome, FenceOutcome::CancelRequested, "disabled");
    // Whoever comes after finds the container by its handle.
    for key in keys {
        let detail = scene.show(key.job).await;
        let attempt = detail.attempts_made.last().expect("its live attempt");
        assert_eq!(attempt.handle, Some(handle_of(key).0));
        assert_eq!(attempt.host, Some(scene.host));
    }
}

pub async fn a_stale_token_takes_nothing_of_a_host_and_moves_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let [launched, fresh] = leases(&scene, 2).await[..] else {
        panic!("two leases")
    };
    let outcome = fence(&scene, launched, demand(5, 5)).await;
    assert_eq!(outcome, FenceOutcome::Stored);
    let before = scene.store.hosts().await.expect("hosts");
    for capacity in [Capacity::default(), slots(1)] {
        let bounded = bound(&scene, capacity).await;
        assert_eq!(bounded.used, before[0].used);
        for key in [launched, fresh] {
            for host in [scene.host, other] {
                let outcome = scene.mark_launched_on(stale(key), host, demand(9, 9)).await;
                assert_eq!(outcome, FenceOutcome::Lost, "{key:?} on {host}");
            }
        }
        assert_eq!(used(&scene).await, before[0].used);
        assert_eq!(host(&scene, other).await.used, Used::default());
        assert_not_launched(&scene, fresh).await;
    }
    enable(&scene, false).await;
    let outcome = fence(&scene, stale(fresh), demand(9, 9)).await;
    assert_eq!(outcome, FenceOutcome::Lost, "rather than refused");
    enable(&scene, true).await;
    scene.settle(launched, DONE).await;
    let outcome = fence(&scene, launched, demand(9, 9)).await;
    assert_eq!(outcome, FenceOutcome::Lost, "it has ended");
    assert_eq!(used(&scene).await, Used::default());
}

pub async fn a_launch_that_is_made_anew_elsewhere_leaves_its_first_host(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    bound(&scene, slots(1)).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let [key, next] = leases(&scene, 2).await[..] else {
        panic!("two leases")
    };
    let outcome = fence(&scene, key, demand(3, 3)).await;
    assert_eq!(outcome, FenceOutcome::Stored);
    let outcome = scene.mark_launched_on(key, other, demand(4, 4)).await;
    assert_eq!(outcome, FenceOutcome::Stored);
    assert_eq!(used(&scene).await, Used::default());
    let moved = Used {
        slots: 1,
        memory_bytes: 4,
        millicpus: 4,
    };
    assert_eq!(host(&scene, other).await.used, moved);
    let outcome = fence(&scene, next, demand(3, 3)).await;
    assert_eq!(outcome, FenceOutcome::Stored, "its slot is free");
}

pub async fn nothing_is_launched_on_a_host_that_is_unknown(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = leases(&scene, 1).await[0];
    let nowhere = HostId(i64::MAX);
    let answer = scene
        .store
        .mark_launched(key, nowhere, &handle_of(key), demand(0, 0))
        .await;
    assert_eq!(refused_field(answer), "host");
    assert_not_launched(&scene, key).await;
}

pub async fn lowering_a_capacity_below_what_runs_ends_nothing_and_starts_nothing(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let keys = leases(&scene, 5).await;
    for key in &keys[..3] {
        scene.start_on(*key, demand(100, 100)).await;
    }
    let over = Used {
        slots: 3,
        memory_bytes: 300,
        millicpus: 300,
    };
    let lowered = bound(&scene, slots(1)).await;
    assert_eq!(lowered.used, over, "more than there is now");
    for (ended, key) in keys[..3].iter().enumerate() {
        assert_eq!(scene.state(key.job).await, State::Running);
        let outcome = fence(&scene, keys[3], demand(0, 0)).await;
        let no_slot = FenceOutcome::HostFull(Lack::Slots { of: 1 });
        assert_eq!(outcome, no_slot, "{ended} of 3 have ended");
        scene.settle(*key, DONE).await;
    }
    scene.start_on(keys[3], demand(100, 0)).await;
    // Of memory and CPUs likewise; only, who asks for none of them finds room.
    let small = Capacity {
        memory_bytes: Some(50),
        millicpus: Some(50),
        ..Capacity::default()
    };
    bound(&scene, small).await;
    let outcome = fence(&scene, keys[4], demand(1, 0)).await;
    let no_memory = Lack::Memory {
        free: 0,
        of: 50,
        wanted: 1,
    };
    assert_eq!(outcome, FenceOutcome::HostFull(no_memory));
    let outcome = fence(&scene, keys[4], demand(0, 50)).await;
    assert_eq!(outcome, FenceOutcome::Stored);
    let wide = longshore_core::host::HostChange {
        memory_bytes: Some(None),
        ..Default::default()
    };
    assert_eq!(change(&scene, wide).await.capacity.memory_bytes, None);
}
