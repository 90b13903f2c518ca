//! The fence before a start, while its host changes under it: each step held where it could go
//! wrong.

mod scene;

use std::sync::Arc;

use longshore_core::executor::Handle;
use longshore_core::host::{Demand, HostFacts};
use longshore_core::store::{FenceOutcome, LeaseKey, Leases, Registry, StoreResult};
use longshore_core::{HostId, JobId};
use longshore_postgres::{Options, PostgresStore};
use scene::{Scene, complete, scene, until_waiting_for_a_lock};
use tokio::task::JoinSet;

/// How many fences wait at once.
const FENCES: usize = 8;
/// How often what only a race can break is tried.
const ROUNDS: usize = 20;

async fn new_host(store: &PostgresStore) -> HostId {
    let facts = HostFacts {
        executor: "process".to_owned(),
        identity: "machine-1".to_owned(),
        boot_id: "boot-1".to_owned(),
        name: "machine-1.example".to_owned(),
    };
    store.register_host(&facts).await.expect("a host")
}

/// A store with a connection for each fence, which waits as long as the product does.
async fn patient(scene: &Scene) -> Arc<PostgresStore> {
    let options = Options {
        pool_size: FENCES,
        look_interval: None,
        ..Options::default()
    };
    let store = PostgresStore::connect(&scene.database.url(), options).await;
    Arc::new(store.expect("migrated"))
}

async fn fence(
    store: Arc<PostgresStore>,
    key: LeaseKey,
    host: HostId,
) -> (JobId, StoreResult<FenceOutcome>) {
    let handle = Handle(format!("container-{}", key.job));
    let fenced = store.mark_launched(key, host, &handle, Demand::default());
    (key.job, fenced.await)
}

/// Fences that many leases while `change` is held open on the host, and commits it once all of them
/// wait for it; how many were stored.
async fn stored_across(
    scene: &Scene,
    store: &Arc<PostgresStore>,
    host: HostId,
    change: &str,
) -> usize {
    scene.submit(FENCES).await;
    let keys: Vec<LeaseKey> = scene.acquire(8).await.iter().map(|l| l.key).collect();
    assert_eq!(keys.len(), FENCES);
    let client = scene.database.client().await;
    let held = format!("BEGIN; SELECT FROM host FOR UPDATE; UPDATE host SET {change}");
    client.batch_execute(&held).await.expect("a change");
    let mut fences = JoinSet::new();
    for key in &keys {
        fences.spawn(fence(Arc::clone(store), *key, host));
    }
    let watcher = scene.database.client().await;
    let all = i64::try_from(FENCES).expect("few");
    until_waiting_for_a_lock(&watcher, all).await;
    client.batch_execute("COMMIT").await.expect("commit");
    let mut stored = 0;
    while let Some(fenced) = fences.join_next().await {
        let (job, outcome) = fenced.expect("it does not panic");
        match outcome.expect("nothing collides with one change") {
            FenceOutcome::Stored => stored += 1,
            FenceOutcome::HostFull(_) | FenceOutcome::HostDisabled => {}
            other => panic!("job {job}: {other:?}"),
        }
    }
    complete(&scene.store, &keys).await;
    stored
}

#[tokio::test]
async fn bounds_that_are_set_while_launches_wait_bind_them_one_by_one() {
    let scene = scene(None).await;
    let host = new_host(&scene.store).await;
    let store = patient(&scene).await;
    let unbound = longshore_core::host::HostChange {
        slots: Some(None),
        ..Default::default()
    };
    for round in 0..ROUNDS {
        // All of them have read that there are no bounds.
        let stored = stored_across(&scene, &store, host, "slots = 3").await;
        assert_eq!(stored, 3, "round {round}");
        let changed = scene.store.change_host(host, &unbound).await;
        changed.expect("a known host");
    }
}

#[tokio::test]
async fn launches_that_wait_while_their_host_is_disabled_are_refused() {
    let scene = scene(None).await;
    let host = new_host(&scene.store).await;
    let store = patient(&scene).await;
    for bounds in ["slots = NULL", "slots = 100"] {
        let setting = format!("UPDATE host SET enabled = true, {bounds}");
        let client = scene.database.client().await;
        client.batch_execute(&setting).await.expect("a setting");
        let stored = stored_across(&scene, &store, host, "enabled = false").await;
        assert_eq!(stored, 0, "{bounds}");
    }
}

#[tokio::test]
async fn bounds_that_are_lifted_while_launches_wait_hold_none_of_them_back() {
    let scene = scene(None).await;
    let host = new_host(&scene.store).await;
    let store = patient(&scene).await;
    let client = scene.database.client().await;
    let setting = "UPDATE host SET slots = 1";
    client.batch_execute(setting).await.expect("a setting");
    let stored = stored_across(&scene, &store, host, "slots = NULL").await;
    assert_eq!(stored, FENCES);
}

#[tokio::test]
async fn a_launch_on_a_host_without_bounds_waits_for_nobody_but_those_who_change_it() {
    let scene = scene(None).await;
    let host = new_host(&scene.store).await;
    scene.submit(1).await;
    let key = scene.acquire(1).await[0].key;
    let client = scene.database.client().await;
    // As an update of what is no bound holds it; two launches then share it all the more.
    let lock = "BEGIN; SELECT FROM host FOR NO KEY UPDATE";
    client.batch_execute(lock).await.expect("a lock");
    let (handle, nothing) = (Handle("container".to_owned()), Demand::default());
    let fenced = scene.store.mark_launched(key, host, &handle, nothing).await;
    assert_eq!(fenced.expect("it goes on"), FenceOutcome::Stored);
    client.batch_execute("ROLLBACK").await.expect("rollback");
}
