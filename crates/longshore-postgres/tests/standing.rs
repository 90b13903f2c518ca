//! The one connection of a store with little to do: it listens, and serves verbs.

mod scene;

use std::time::{Duration, Instant};

use longshore_core::store::{Registry, Store, Wakeups};
use longshore_postgres::testing::TestClient;
use longshore_postgres::{Options, PostgresStore};
use scene::{QUEUE, Scene, scene};

/// Far longer than anything here takes; a test that waits for it has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "with little to do";

/// A store that lets go of connections soon, and has begun to.
async fn store(scene: &Scene) -> PostgresStore {
    let options = Options {
        application_name: NAME.to_owned(),
        idle_time: Duration::from_millis(100),
        look_interval: Some(Duration::from_millis(200)),
        ..scene::by_hand()
    };
    let store = PostgresStore::connect(&scene.database.url(), options)
        .await
        .expect("migrated");
    scene::acquire(&store, scene.queue, 1)
        .await
        .expect("acquire");
    store
}

async fn connections(client: &TestClient) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = $1";
    let row = client.query_one(count, &[&NAME]).await;
    row.expect("a count").get(0)
}

async fn until_there_is_one(client: &TestClient) {
    let deadline = Instant::now() + PATIENCE;
    while connections(client).await != 1 {
        assert!(Instant::now() < deadline, "it lets go of the others");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_it_hears(wakeups: &mut dyn Wakeups) {
    let deadline = Instant::now() + PATIENCE;
    while !wakeups.come_round() {
        assert!(
            Instant::now() < deadline,
            "its own notification comes round"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while wakeups.wait(Duration::from_millis(300)).await {}
}

/// A store that has come to rest: it hears, over the only connection that it has.
async fn at_rest(scene: &Scene, client: &TestClient) -> (PostgresStore, Box<dyn Wakeups>) {
    let store = store(scene).await;
    let mut wakeups = store.wakeups();
    until_it_hears(&mut *wakeups).await;
    until_there_is_one(client).await;
    (store, wakeups)
}

#[tokio::test]
async fn a_store_with_little_to_do_has_one_connection_that_hears_hints_and_serves_verbs() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let (store, mut wakeups) = at_rest(&scene, &client).await;
    for round in 0..5 {
        store.queues().await.expect("it answers");
        assert_eq!(connections(&client).await, 1, "round {round}");
    }
    scene.submit(1).await;
    assert!(wakeups.wait(PATIENCE).await, "it hears");

    // With more to do it has more, and lets go of them again.
    let many = (0..8).map(|_| async {
        for _ in 0..50 {
            store.queues().await.expect("it answers");
        }
    });
    futures_util::future::join_all(many).await;
    until_there_is_one(&client).await;
    assert!(wakeups.come_round());
    store.close().await;
}

#[tokio::test]
async fn a_verb_that_is_given_up_over_it_leaves_a_store_that_works_and_hears() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let (store, mut wakeups) = at_rest(&scene, &client).await;

    let lock = format!("BEGIN; SELECT FROM queue WHERE name = '{QUEUE}' FOR UPDATE");
    client.batch_execute(&lock).await.expect("the lock");
    let change = longshore_core::queue::QueueChange {
        paused: Some(false),
        ..Default::default()
    };
    let waits = store.change_queue(QUEUE, &change);
    let given_up = tokio::time::timeout(Duration::from_millis(100), waits).await;
    assert!(given_up.is_err(), "it waits for the lock");
    store.queues().await.expect("over another connection");
    client.batch_execute("ROLLBACK").await.expect("no lock");
    assert!(
        wakeups.wait(PATIENCE).await,
        "it listens again, and says: look"
    );
    until_it_hears(&mut *wakeups).await;
    scene.submit(1).await;
    assert!(wakeups.wait(PATIENCE).await, "it hears");
    until_there_is_one(&client).await;
    store.close().await;
}

#[tokio::test]
async fn a_closed_store_has_no_connection() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let (store, _wakeups) = at_rest(&scene, &client).await;
    store.close().await;
    let deadline = Instant::now() + PATIENCE;
    while connections(&client).await > 0 {
        assert!(Instant::now() < deadline, "they are closed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(store.queues().await.is_err());
}
