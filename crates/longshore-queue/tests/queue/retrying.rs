//! The one place where contention is retried.

use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::store::{Leases as _, Reading as _, Registry as _, Store as _};
use longshore_queue::Retrying;
use tokio::time::Instant;

use crate::support::{Fault, Scene, busy, in_time, unavailable};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_contended_call_is_repeated_with_growing_delays_and_counted() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    scene
        .store
        .fault("queues", (0..8).map(|_| Fault::Before(busy())));
    let begun = Instant::now();
    let queues = store.queues().await.expect("it passes in the end");
    assert_eq!(queues.len(), 2);
    // Doubling from 5 ms, each delay in the upper half of its step: 5 + 10 + … + 640 = 1275 ms.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(637), "{took:?}");
    assert!(took <= Duration::from_millis(1300), "{took:?}");
    let counts = store.contention();
    assert_eq!((counts.busy, counts.total()), (8, 8));
    assert_eq!(counts.to_string(), "busy 8");
}

#[tokio::test(start_paused = true)]
async fn repeats_are_bounded_by_the_callers_time() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    scene
        .store
        .fault("queues", (0..10_000).map(|_| Fault::Before(busy())));
    let begun = Instant::now();
    let error = store
        .within(2 * SECOND)
        .queues()
        .await
        .expect_err("it never passes");
    assert!(error.is_transient(), "the last collision is the error");
    assert!(begun.elapsed() <= 2 * SECOND, "{:?}", begun.elapsed());
    assert!(
        begun.elapsed() >= SECOND,
        "the time was used: {:?}",
        begun.elapsed()
    );

    let begun = Instant::now();
    store.queues().await.expect_err("it never passes");
    assert!(
        begun.elapsed() > 8 * SECOND,
        "by default 10 s: {:?}",
        begun.elapsed()
    );
    assert!(
        begun.elapsed() <= 10 * SECOND,
        "by default 10 s: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn the_views_of_one_store_share_their_counts() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    scene.store.fault("queues", [Fault::Before(busy())]);
    store.within(SECOND).queues().await.expect("it passes");
    assert_eq!(store.contention().total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_which_nothing_is_known_is_not_repeated() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    scene.store.fault("queues", [Fault::Before(unavailable())]);
    let error = store.queues().await.expect_err("the caller must decide");
    assert!(error.is_unavailable());
    assert_eq!(store.contention().total(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_does_not_cut_the_call() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    store
        .register_worker(&worker())
        .await
        .expect("it registers");
    {
        let call = store.stop_worker(WorkerId(1));
        tokio::pin!(call);
        // Polled once: the call is sent, and not answered yet.
        assert!(futures_util::poll!(&mut call).is_pending());
    }
    // `close` waits for what is in flight.
    in_time(store.close()).await;
    assert!(scene.store.lock().workers[&WorkerId(1)].stopped);
    assert_eq!(
        scene.journal.all().last().map(String::as_str),
        Some("close")
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_driver_is_an_error_of_its_call() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    // No worker 99 is registered: the store in memory panics.
    let error = store
        .heartbeat(WorkerId(99))
        .await
        .expect_err("it panicked");
    assert!(error.is_systems_fault());
}

#[tokio::test(start_paused = true)]
async fn every_verb_goes_through() {
    let scene = Scene::new();
    let store = Retrying::new(scene.store.as_dyn());
    scene.job();
    assert_eq!(store.kind(), "memory");
    assert_eq!(store.instance().await.expect("it answers").0, "test");
    assert!(store.newest_job().await.expect("it answers").is_some());
    assert_eq!(
        store.queue("local").await.expect("it answers").name,
        "local"
    );
    assert!(store.queue("loca").await.is_err());
    assert!(
        store
            .leases_of(WorkerId(1))
            .await
            .expect("it answers")
            .is_empty()
    );
    assert_eq!(store.queue_stats().await.expect("it answers").len(), 2);
}

fn worker() -> longshore_core::store::NewWorker {
    longshore_core::store::NewWorker {
        name: "w".to_owned(),
        hostname: "h".to_owned(),
        pid: 1,
        boot_id: "b".to_owned(),
        version: "0".to_owned(),
        queues: Vec::new(),
        hosts: Vec::new(),
        capacity: 1,
        lease_ttl: SECOND,
    }
}
