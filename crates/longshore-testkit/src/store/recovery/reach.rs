//! Who can continue what: hosts that are reached, and queues that are served.

use longshore_core::host::{Demand, HostChange};
use longshore_core::state::TerminalState;
use longshore_core::store::{FenceOutcome, LeaseStatus};

use super::{MANY, falls_silent, jobs_of, reach, successor, take_over};
use crate::store::StoreHarness;
use crate::store::scene::{Scene, host_facts, new_queue, new_worker};
use crate::store::seed::Seed;

pub async fn leases_on_a_host_that_is_not_reached_stay(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let here = scene.running(Seed::job()).await;
    let there = scene.leased(Seed::job()).await;
    let fenced = scene
        .mark_launched_on(there, other, Demand::default())
        .await;
    assert_eq!(fenced, FenceOutcome::Stored);
    falls_silent(h, &scene).await;
    let nowhere = scene.twin(h).await;
    assert_eq!(
        take_over(&nowhere, MANY).await,
        [],
        "it serves the queue, and reaches neither"
    );
    let next = successor(h, &scene).await;
    assert_eq!(jobs_of(&take_over(&next, MANY).await), [here.job]);
    assert_eq!(scene.status(there).await, LeaseStatus::Held, "it stays");
    reach(&nowhere, &[other]).await;
    assert_eq!(jobs_of(&take_over(&nowhere, MANY).await), [there.job]);
}

pub async fn what_can_be_continued_is_taken_past_what_can_not(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    for _ in 0..5 {
        let key = scene.leased(Seed::job()).await;
        scene.mark_launched_on(key, other, Demand::default()).await;
    }
    let here = scene.running(Seed::job()).await;
    falls_silent(h, &scene).await;
    let next = successor(h, &scene).await;
    assert_eq!(jobs_of(&take_over(&next, 1).await), [here.job]);
}

pub async fn leases_on_no_host_move_only_to_a_worker_that_serves_their_queue(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.create_queue(&new_queue("other")).await;
    let other = other.expect("a new name").id;
    let launching = scene.leased(Seed::job()).await;
    let running = scene.running(Seed::job()).await;
    falls_silent(h, &scene).await;

    let mut elsewhere = scene.twin(h).await;
    let serves = new_worker(&[other]);
    let registered = elsewhere.store.register_worker(&serves).await;
    elsewhere.worker = registered.expect("a worker");
    assert_eq!(
        take_over(&elsewhere, MANY).await,
        [],
        "neither queue nor host"
    );
    let (hosts, queues) = ([scene.host], [other]);
    let said = elsewhere
        .store
        .set_worker_reach(elsewhere.worker, &hosts, &queues);
    said.await.expect("a known worker");
    let taken = take_over(&elsewhere, MANY).await;
    assert_eq!(
        jobs_of(&taken),
        [running.job],
        "it reaches the host, whatever the queue"
    );
    let serves = scene.twin(h).await;
    let taken = take_over(&serves, MANY).await;
    assert_eq!(jobs_of(&taken), [launching.job]);
    assert_eq!(taken[0].launched, None);
}

pub async fn a_take_over_leaves_the_room_of_hosts_as_it_is(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let change = HostChange {
        slots: Some(Some(1)),
        enabled: Some(false),
        ..HostChange::default()
    };
    let keys = [
        scene.leased(Seed::job()).await,
        scene.leased(Seed::job()).await,
    ];
    let demand = Demand {
        memory_bytes: 700,
        millicpus: 70,
    };
    scene.start_on(keys[0], demand).await;
    let change = scene.store.change_host(scene.host, &change).await;
    let before = change.expect("a known host");
    falls_silent(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    assert_eq!(
        jobs_of(&taken),
        keys.map(|key| key.job),
        "a full host, no longer in use"
    );
    let hosts = next.store.hosts().await.expect("hosts");
    assert!(hosts.contains(&before), "{before:?} in {hosts:?}");
    // What was launched may be told once more; what was not finds no room.
    let [launched, other] = [taken[0].lease.key, taken[1].lease.key];
    let again = next.mark_launched_on(launched, next.host, demand).await;
    assert_eq!(again, FenceOutcome::Stored);
    let refused = next.mark_launched(other).await;
    assert_eq!(refused, FenceOutcome::HostDisabled);
    next.settle(launched, TerminalState::Completed).await;
    let hosts = next.store.hosts().await.expect("hosts");
    let host = hosts.iter().find(|host| host.id == next.host);
    assert_eq!(host.expect("known").used.slots, 0);
}
