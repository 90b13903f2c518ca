//! Workers: their signs of life and their end.

use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::spec::LOCAL_QUEUE;
use longshore_core::store::{Heartbeat, NewWorker, StoreError, Worker};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, new_worker};
use crate::store::seed::Seed;
use crate::wait::eventually;

async fn worker(scene: &Scene, all: bool, id: longshore_core::WorkerId) -> Option<Worker> {
    let workers = scene.store.workers(all).await.expect("workers");
    workers.into_iter().find(|worker| worker.id == id)
}

pub async fn a_worker_that_reports_for_work_is_listed_as_alive(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let local = scene
        .store
        .queue(LOCAL_QUEUE)
        .await
        .expect("made by the migration");
    let new = NewWorker {
        name: "wörker".to_owned(),
        pid: 4_000_000,
        ..new_worker(&[scene.queue.id, local.id])
    };
    let id = scene.store.register_worker(&new).await.expect("a worker");
    assert_ne!(id, scene.worker, "every start has an id of its own");
    let found = worker(&scene, false, id).await.expect("alive");
    assert_eq!(
        (&found.name, &found.hostname, found.pid),
        (&new.name, &new.hostname, new.pid)
    );
    assert_eq!(
        (&found.version, found.capacity, found.live),
        (&new.version, new.capacity, 0)
    );
    let mut queues = found.queues.clone();
    queues.sort();
    assert_eq!(queues, [scene.queue.name.as_str(), LOCAL_QUEUE]);
    assert!(found.alive && !found.draining && !found.fenced);
    assert_eq!(found.stopped_at, None);
    let newest = scene.store.workers(false).await.expect("workers");
    assert_eq!(newest[0].id, id, "newest first");
}

pub async fn a_worker_counts_its_leases(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(3)).await;
    let leases = scene.acquire(3).await;
    assert_eq!(
        worker(&scene, false, scene.worker)
            .await
            .expect("alive")
            .live,
        3
    );
    scene
        .end(
            leases[0].key,
            longshore_core::disposition::Disposition::HandBack,
        )
        .await;
    assert_eq!(
        worker(&scene, false, scene.worker)
            .await
            .expect("alive")
            .live,
        2
    );
}

pub async fn a_heartbeat_is_a_sign_of_life(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let first = worker(&scene, false, scene.worker)
        .await
        .expect("alive")
        .heartbeat_at;
    eventually("a heartbeat later than the first", async || {
        let answer = scene
            .store
            .heartbeat(scene.worker)
            .await
            .expect("heartbeat");
        let last = worker(&scene, false, scene.worker)
            .await
            .expect("alive")
            .heartbeat_at;
        let alive = Heartbeat::Alive {
            drain: false,
            at: last,
        };
        assert_eq!(answer, alive, "it says when it was heard");
        (last > first).then_some(())
    })
    .await;
}

pub async fn a_worker_unheard_of_for_its_time_is_not_alive(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let lease_ttl = Duration::from_millis(1100);
    let new = NewWorker {
        lease_ttl,
        ..new_worker(&[scene.queue.id])
    };
    let id = scene.store.register_worker(&new).await.expect("a worker");
    let seen = eventually("it counts as dead", async || {
        let seen = worker(&scene, true, id).await.expect("registered");
        (!seen.alive).then_some(seen)
    })
    .await;
    assert_eq!(seen.stopped_at, None, "it never said goodbye");
    assert_eq!(
        worker(&scene, false, id).await,
        None,
        "not among those alive"
    );
    let now = scene.store.now().await.expect("now");
    let silent = now.duration_since(seen.heartbeat_at);
    assert!(silent.as_millis() >= 1099, "dead after {silent} of silence");
    assert!(
        worker(&scene, false, scene.worker).await.is_some(),
        "others stay alive"
    );
}

pub async fn a_worker_told_to_drain_learns_it_with_its_heartbeat(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    for _ in 0..2 {
        twin.store
            .drain_worker(scene.worker)
            .await
            .expect("a known worker");
    }
    let answer = scene
        .store
        .heartbeat(scene.worker)
        .await
        .expect("heartbeat");
    assert!(
        matches!(answer, Heartbeat::Alive { drain: true, .. }),
        "{answer:?}"
    );
    let found = worker(&scene, false, scene.worker)
        .await
        .expect("alive until it stops");
    assert!(found.draining && found.alive);
    let answer = twin.store.heartbeat(twin.worker).await.expect("heartbeat");
    assert!(
        matches!(answer, Heartbeat::Alive { drain: false, .. }),
        "nobody asked the other: {answer:?}"
    );
}

pub async fn an_unknown_worker_can_neither_drain_nor_stop(h: &dyn StoreHarness) {
    let store = h.open().await;
    let nobody = WorkerId(i64::MAX);
    for answer in [
        store.drain_worker(nobody).await,
        store.stop_worker(nobody).await,
    ] {
        match answer {
            Err(StoreError::Invalid(error)) => assert_eq!(error.field, "worker", "{error}"),
            other => panic!("expected that there is no such worker, got {other:?}"),
        }
    }
}

pub async fn a_worker_that_said_goodbye_is_of_the_past(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for _ in 0..2 {
        scene
            .store
            .stop_worker(scene.worker)
            .await
            .expect("a known worker");
    }
    assert_eq!(worker(&scene, false, scene.worker).await, None);
    let found = worker(&scene, true, scene.worker)
        .await
        .expect("kept for people to see");
    assert!(!found.alive);
    assert!(found.stopped_at >= Some(found.started_at));
}
