//! The server goes away, or takes nothing: stopped, its sessions ended, no connection to be had, only
//! to be read.

use longshore::postgres::testing::{TestClient, TestDatabase};

use crate::support::Home;
use crate::trial::{LIMIT, PATIENCE, Trial};
use longshore_testkit::servers::{Postgres, Stop};

/// A trial on a server of its own.
async fn on_own_server(server: &Postgres) -> Trial {
    let home = Home::new();
    home.ok(&["migrate", "--database", &server.url()]);
    Trial::on(home, &server.url()).await
}

async fn stopped_and_started(how: Stop) {
    let Some(mut server) = Postgres::start(&[]) else {
        return;
    };
    let mut trial = on_own_server(&server).await;
    trial.start_workers(&server.url());
    trial.running().await;
    server.stop(how);
    trial.end_of_first().await;
    server.start_again();
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_sat_out() {
    stopped_and_started(Stop::Fast).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_is_sat_out() {
    stopped_and_started(Stop::Immediate).await;
}

/// Ends every session of the database but this one; says how many.
async fn end_sessions(client: &TestClient) -> usize {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.query(end, &[]).await.expect("a superuser").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_ended_again_and_again_are_made_again() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mut trial = Trial::on(Home::new(), &database.url()).await;
    trial.start_workers(&database.url());
    trial.running().await;
    trial.open_gate();
    // Often enough that calls of every kind are cut; not until all is done, which calls that take
    // longer than the time between two would never be.
    let mut ended = 0;
    for _ in 0..30 {
        ended += end_sessions(&client).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(ended > 10, "only {ended} sessions were ended");
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_wait_while_others_hold_every_connection() {
    let Some(server) = Postgres::start(&["max_connections=24"]) else {
        return;
    };
    let mut trial = on_own_server(&server).await;
    trial.start_workers(&server.url());
    trial.running().await;
    let config: tokio_postgres::Config = server.url().parse().expect("an address");
    let mut others = Vec::new();
    // Until there is none to be had, and the workers have none left either.
    loop {
        match config.connect(tokio_postgres::NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                others.push(client);
                end_workers_sessions(&others[0]).await;
            }
            Err(error) => {
                let full = tokio_postgres::error::SqlState::TOO_MANY_CONNECTIONS;
                assert_eq!(error.code(), Some(&full), "{error:?}");
                if end_workers_sessions(&others[0]).await == 0 {
                    break;
                }
            }
        }
    }
    trial.end_of_first().await;
    assert_eq!(trial.marks("START"), LIMIT as usize, "nothing was acquired");
    let lookout = others.swap_remove(0);
    drop(others);
    // The server takes note of each that has left in its own time.
    let begun = std::time::Instant::now();
    while sessions_of_others(&lookout).await > 0 {
        assert!(begun.elapsed() < PATIENCE, "sessions outlive their clients");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    trial.passes().await;
}

async fn sessions_of_others(client: &tokio_postgres::Client) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity
                 WHERE backend_type = 'client backend' AND application_name <> 'longshore'
                   AND pid <> pg_backend_pid()";
    let row = client.query_one(count, &[]).await.expect("a superuser");
    row.get(0)
}

async fn end_workers_sessions(client: &tokio_postgres::Client) -> usize {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE application_name = 'longshore'";
    client.query(end, &[]).await.expect("a superuser").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_wait_while_the_database_can_only_be_read() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let mut trial = Trial::on(Home::new(), &database.url()).await;
    trial.start_workers(&database.url());
    trial.running().await;
    say(&client, "SET default_transaction_read_only = on").await;
    end_sessions(&client).await;
    trial.end_of_first().await;
    // Sessions that were begun meanwhile go on as they are: the workers have to see to it themselves.
    say(&client, "RESET default_transaction_read_only").await;
    trial.passes().await;
}

/// Changes what the database tells new sessions.
async fn say(client: &TestClient, what: &str) {
    let alter = format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {what}', current_database()); END $$"
    );
    client.batch_execute(&alter).await.expect("a superuser");
}
