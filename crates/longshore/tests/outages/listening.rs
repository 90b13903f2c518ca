//! Hints are lost: nobody listens for a while, or nobody can.

use std::time::{Duration, Instant};

use longshore::Store as _;
use longshore::postgres::testing::{TestClient, TestDatabase};
use longshore_testkit::proxy::{Lost, contains};

use crate::network::Away;
use crate::support::Home;
use crate::trial::{OPEN, Trial};

/// Looks and signs of life are far apart, so that nothing but a hint explains a quick start.
const RARELY: &[&str] = &[
    "--poll-interval",
    "5m",
    "--heartbeat",
    "5m",
    "--lease-ttl",
    "10m",
];
/// Ten times what a connection anew takes at most, and a small part of the time between two looks.
const SOON: Duration = Duration::from_secs(30);

/// The sessions of the worker: with so little to do it listens on one that its verbs use as well.
const WORKERS: &str = "FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'a worker'";

/// The sessions that listen, if nothing else was asked over them since.
const LISTENERS: &str = "FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'longshore'
       AND (query ILIKE 'LISTEN%' OR query ILIKE '%pg_notify(''longshore'', $1)%'
            OR query = 'SELECT pg_backend_pid()')";

async fn count(client: &TestClient, sessions: &str) -> i64 {
    let count = format!("SELECT count(*) {sessions}");
    client.query_one(&count, &[]).await.expect("a count").get(0)
}

/// Puts one job into the line, and waits for its start and its end; says how long the start took. The
/// end, because with it the worker looks for more, hint or not.
async fn start_one(trial: &mut Trial, database: &TestDatabase) -> Duration {
    let before = trial.count();
    let store = database.store().await.expect("it is there");
    let begun = Instant::now();
    trial.submit(&store, 1, OPEN).await;
    trial.started(before + 1).await;
    let took = begun.elapsed();
    trial.settled(&store).await;
    store.close().await;
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_listener_listens_again_and_looks_at_what_it_missed() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mut trial = Trial::idle_on(Home::new(), &database.url()).await;
    let address = database.url();
    let and = if address.contains('?') { '&' } else { '?' };
    trial.start_worker(
        &format!("{address}{and}application_name=a%20worker"),
        RARELY,
    );
    while count(&client, WORKERS).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(start_one(&mut trial, &database).await < SOON);
    for _ in 0..3 {
        let end = format!("SELECT pg_terminate_backend(pid) {WORKERS}");
        let ended = client.query(&end, &[]).await.expect("a superuser").len();
        assert!(ended > 0, "nobody listened");
        // As a rule this falls into the time in which nobody listens.
        assert!(start_one(&mut trial, &database).await < SOON);
        while count(&client, WORKERS).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    trial.drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_hint_a_job_starts_within_a_poll() {
    let away = Away::new().await;
    away.proxy
        .lose_every(Lost::BeforeTheAct, contains("LISTEN longshore"));
    let mut trial = Trial::idle_on(Home::new(), &away.database.url()).await;
    let often = [
        "--poll-interval",
        "2s",
        "--heartbeat",
        "5m",
        "--lease-ttl",
        "10m",
    ];
    trial.start_worker(&away.address, &often);
    for _ in 0..3 {
        assert!(start_one(&mut trial, &away.database).await < SOON);
    }
    let client = away.database.client().await;
    assert_eq!(count(&client, LISTENERS).await, 0, "nobody listened");
    trial.drained().await;
}
