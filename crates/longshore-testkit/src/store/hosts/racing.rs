//! Launches that race for what is left of a host: never more than fits, and never less (S3).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use longshore_core::host::{Capacity, Demand, HostChange};
use longshore_core::state::TerminalState;
use longshore_core::store::{FenceOutcome, LeaseKey};

use super::{bound, demand, enable, leases, slots, used};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, handle_of};
use crate::store::seed::Seed;

/// How often each race is run.
const ROUNDS: usize = 50;
/// How many race.
const WORKERS: usize = 8;

const DONE: TerminalState = TerminalState::Completed;

/// A handle and a worker for each of those that race.
async fn crew(h: &dyn StoreHarness, first: &Scene) -> Vec<Arc<Scene>> {
    let mut crew = vec![];
    for _ in 0..WORKERS {
        crew.push(Arc::new(first.twin(h).await));
    }
    crew
}

/// Fences one lease for each of the crew, all at once.
async fn fence_all(crew: &[Arc<Scene>], keys: &[LeaseKey], demand: Demand) -> Vec<FenceOutcome> {
    let pairs = crew.iter().cloned().zip(keys.iter().copied());
    all_at_once(pairs, move |(scene, key)| async move {
        scene.mark_launched_on(key, scene.host, demand).await
    })
    .await
}

fn stored(outcomes: &[FenceOutcome]) -> usize {
    let stored = outcomes.iter().filter(|o| **o == FenceOutcome::Stored);
    stored.count()
}

/// Runs the race for room again and again: of each round, `fits` find it and the others are told
/// that the host is full.
async fn race_for(
    h: &dyn StoreHarness,
    capacity: Capacity,
    taken: &[Demand],
    each: Demand,
    fits: usize,
) {
    let scene = Scene::open(h).await;
    bound(&scene, capacity).await;
    for demand in taken {
        let key = leases(&scene, 1).await[0];
        scene.start_on(key, *demand).await;
    }
    let before = used(&scene).await;
    let crew = crew(h, &scene).await;
    for round in 0..ROUNDS {
        let keys = leases(&scene, WORKERS).await;
        let outcomes = fence_all(&crew, &keys, each).await;
        assert_eq!(stored(&outcomes), fits, "round {round}: {outcomes:?}");
        for outcome in &outcomes {
            assert!(
                matches!(outcome, FenceOutcome::Stored | FenceOutcome::HostFull(_)),
                "round {round}: {outcome:?}"
            );
        }
        let full = used(&scene).await;
        assert_eq!(
            full.slots as usize,
            before.slots as usize + fits,
            "round {round}"
        );
        for key in keys {
            scene.settle(key, DONE).await;
        }
        assert_eq!(used(&scene).await, before, "round {round}");
    }
}

pub async fn of_eight_that_race_for_the_last_slot_one_gets_it(h: &dyn StoreHarness) {
    race_for(h, slots(3), &[demand(0, 0); 2], demand(0, 0), 1).await;
}

pub async fn of_eight_that_race_for_the_last_memory_those_get_it_that_fit(h: &dyn StoreHarness) {
    let capacity = Capacity {
        memory_bytes: Some(1100),
        ..Capacity::default()
    };
    race_for(h, capacity, &[demand(100, 0)], demand(300, 5), 3).await;
}

pub async fn of_eight_that_race_for_the_last_cpus_those_get_them_that_fit(h: &dyn StoreHarness) {
    let capacity = Capacity {
        millicpus: Some(5999),
        ..Capacity::default()
    };
    race_for(h, capacity, &[demand(0, 1000)], demand(5, 1000), 4).await;
}

pub async fn once_a_host_is_disabled_no_launch_gets_through_any_more(h: &dyn StoreHarness) {
    let scene = Arc::new(Scene::open(h).await);
    let crew = crew(h, &scene).await;
    for round in 0..ROUNDS {
        // A host with bounds, and one without, lock differently.
        let some = Capacity {
            slots: (round % 2 == 0).then_some(100),
            ..Capacity::default()
        };
        bound(&scene, some).await;
        let keys = leases(&scene, WORKERS).await;
        let disabler = tokio::spawn({
            let scene = Arc::clone(&scene);
            async move { enable(&scene, false).await.used.slots }
        });
        let outcomes = fence_all(&crew, &keys, demand(0, 0)).await;
        let at_the_switch = disabler.await.expect("it does not panic");
        for outcome in &outcomes {
            assert!(
                matches!(outcome, FenceOutcome::Stored | FenceOutcome::HostDisabled),
                "round {round}: {outcome:?}"
            );
        }
        // Whatever got through had got through when the switch was answered.
        let after = used(&scene).await.slots;
        assert_eq!(after, at_the_switch, "round {round}: {outcomes:?}");
        assert_eq!(after as usize, stored(&outcomes), "round {round}");
        enable(&scene, true).await;
        for key in keys {
            scene.settle(key, DONE).await;
        }
    }
}

pub async fn once_a_capacity_is_lowered_no_launch_goes_by_the_old_one(h: &dyn StoreHarness) {
    const LOWERED: u32 = 2;
    let scene = Arc::new(Scene::open(h).await);
    let crew = crew(h, &scene).await;
    for round in 0..ROUNDS {
        // From no bounds at all, or from another.
        let some = Capacity {
            slots: (round % 2 == 0).then_some(100),
            ..Capacity::default()
        };
        bound(&scene, some).await;
        let keys = leases(&scene, WORKERS).await;
        let lowering = tokio::spawn({
            let scene = Arc::clone(&scene);
            async move { bound(&scene, slots(LOWERED)).await.used.slots }
        });
        let outcomes = fence_all(&crew, &keys, demand(0, 0)).await;
        let when_lowered = lowering.await.expect("it does not panic");
        let after = used(&scene).await.slots;
        assert_eq!(
            after,
            when_lowered.max(LOWERED),
            "round {round}: {outcomes:?}"
        );
        assert_eq!(after as usize, stored(&outcomes), "round {round}");
        for key in keys {
            scene.settle(key, DONE).await;
        }
    }
}

pub async fn a_launch_that_met_no_bounds_heeds_those_that_were_set_while_it_waited(
    h: &dyn StoreHarness,
) {
    let scene = Arc::new(Scene::open(h).await);
    let crew = crew(h, &scene).await;
    let one = HostChange {
        slots: Some(Some(1)),
        ..HostChange::default()
    };
    for round in 0..ROUNDS {
        bound(&scene, Capacity::default()).await;
        let keys = leases(&scene, WORKERS).await;
        // Changes that change nothing lock the host as well: launches pile up behind them that
        // have seen no bounds yet.
        let nothing = || vec![HostChange::default(); 5];
        let changes: Vec<_> = [nothing(), nothing(), vec![one.clone()]]
            .into_iter()
            .zip(crew.iter().cloned())
            .map(|(changes, scene)| tokio::spawn(change_all(scene, changes)))
            .collect();
        let pairs = crew.iter().cloned().zip(keys.iter().copied());
        let outcomes = all_at_once(pairs, |(scene, key)| fence_at_last(scene, key)).await;
        let mut when_bound = 0;
        for change in changes {
            when_bound = change.await.expect("it does not panic");
        }
        let after = used(&scene).await.slots;
        assert_eq!(after, when_bound.max(1), "round {round}: {outcomes:?}");
        assert_eq!(after as usize, stored(&outcomes), "round {round}");
        for key in keys {
            scene.settle(key, DONE).await;
        }
    }
}

/// How often a verb may collide with others. One that does is rolled back whole and may be
/// repeated, as the queue does.
const COLLISIONS: usize = 100;

/// Makes one change after the other; how many slots were taken at the last.
async fn change_all(scene: Arc<Scene>, changes: Vec<HostChange>) -> u32 {
    let mut taken = 0;
    for change in changes {
        let mut answers = 0..COLLISIONS;
        taken = loop {
            match scene.store.change_host(scene.host, &change).await {
                Err(error) if error.is_transient() && answers.next().is_some() => {}
                answer => break answer.expect("a known host").used.slots,
            }
        };
    }
    taken
}

async fn fence_at_last(scene: Arc<Scene>, key: LeaseKey) -> FenceOutcome {
    let (handle, none) = (handle_of(key), demand(0, 0));
    let mut answers = 0..COLLISIONS;
    loop {
        let fenced = scene.store.mark_launched(key, scene.host, &handle, none);
        match fenced.await {
            Err(error) if error.is_transient() && answers.next().is_some() => {}
            answer => return answer.expect("mark launched"),
        }
    }
}

pub async fn a_hosts_slots_are_reached_and_never_passed_while_jobs_end(h: &dyn StoreHarness) {
    const SLOTS: u32 = 3;
    let scene = Scene::open(h).await;
    bound(&scene, slots(SLOTS)).await;
    let crew = crew(h, &scene).await;
    scene.submit_all(Seed::jobs(200)).await;
    // Counted from outside: raised after a launch was stored, lowered before its end is asked for.
    // So it never counts more than the host has.
    let live = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let ended = all_at_once(crew, |scene| {
        let (live, most) = (Arc::clone(&live), Arc::clone(&most));
        async move {
            let mut ended = 0;
            while let [lease] = &scene.acquire(1).await[..] {
                loop {
                    match scene.mark_launched(lease.key).await {
                        FenceOutcome::Stored => break,
                        FenceOutcome::HostFull(_) => tokio::task::yield_now().await,
                        other => panic!("{other:?}"),
                    }
                }
                let now = live.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                let running = scene.store.mark_running(lease.key).await;
                running.expect("mark running");
                live.fetch_sub(1, Ordering::SeqCst);
                scene.settle(lease.key, DONE).await;
                ended += 1;
            }
            ended
        }
    })
    .await;
    assert_eq!(ended.iter().sum::<u32>(), 200, "no slot was lost");
    assert_eq!(most.load(Ordering::SeqCst), SLOTS);
    let change = HostChange::default();
    let at_the_end = scene.store.change_host(scene.host, &change).await;
    assert_eq!(at_the_end.expect("a known host").used.slots, 0);
}
