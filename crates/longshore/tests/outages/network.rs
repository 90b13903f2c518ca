//! The network goes away: connections are cut, refused, or half open.

use std::net::SocketAddr;
use std::time::Duration;

use longshore::postgres::testing::TestDatabase;
use longshore_testkit::proxy::{Dialect, Direction, Endpoint, Proxy, Which};

use crate::support::Home;
use crate::trial::Trial;

const BOTH: &[Direction] = &[Direction::ToServer, Direction::ToClient];

/// A database, and a proxy before it. The database is dropped with it.
pub struct Away {
    pub database: TestDatabase,
    pub proxy: Proxy,
    /// The database's address through the proxy.
    pub address: String,
}

impl Away {
    pub async fn new() -> Self {
        let database = TestDatabase::create().await;
        let url = database.url();
        let (user, rest) = url.split_once('@').expect("a user");
        let (server, name) = rest.split_once('/').expect("a path");
        let server: SocketAddr = server
            .parse()
            .expect("the tests' server is named by its number");
        let proxy = Proxy::on_tcp(Endpoint::Tcp(server), Dialect::Postgres).await;
        let address = format!("{user}@127.0.0.1:{}/{name}", proxy.port());
        Self {
            database,
            proxy,
            address,
        }
    }

    /// A trial whose workers go through the proxy.
    pub async fn trial(&self) -> Trial {
        Trial::on(Home::new(), &self.database.url()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_again_and_again_are_made_again() {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    trial.start_workers(&away.address);
    trial.running().await;
    trial.open_gate();
    // Often enough that calls of every kind are cut; not until all is done, which calls that take
    // longer than the time between two cuts would never be.
    for _ in 0..30 {
        away.proxy.cut();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_sit_out_a_server_that_takes_no_connection() {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    trial.start_workers(&away.address);
    trial.running().await;
    away.proxy.refuse();
    trial.end_of_first().await;
    away.proxy.resume();
    trial.passes().await;
}

/// Holds every byte for so long, with a sign of life every half second.
async fn half_open(lease: &str, hold: Duration) {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    for _ in 0..2 {
        let pace = ["--poll-interval", "200ms", "--heartbeat", "500ms"];
        trial.start_worker(
            &away.address,
            &[&pace[..], &["--lease-ttl", lease]].concat(),
        );
    }
    trial.running().await;
    away.proxy.stall(BOTH, Which::All);
    // The length of the fault, not a pace of the test.
    tokio::time::sleep(hold).await;
    trial.end_of_first().await;
    away.proxy.resume();
    trial.passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_for_less_than_a_lease_cost_nothing() {
    half_open("30s", Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_for_longer_than_a_lease_cost_nothing_where_nobody_takes_over() {
    half_open("1s", Duration::from_secs(4)).await;
}

/// As behind a firewall, or a proxy that forgot its connections: nobody ever says that they are dead.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_for_ever_are_given_up_for_new_ones() {
    let away = Away::new().await;
    let mut trial = away.trial().await;
    for _ in 0..2 {
        let pace = ["--poll-interval", "200ms", "--heartbeat", "1s"];
        // What a statement may take bounds how long an answer is waited for.
        let variables = [("LONGSHORE_POSTGRES_STATEMENT_TIMEOUT", "2s")];
        trial.start_worker_with(&away.address, &pace, &variables);
    }
    trial.running().await;
    away.proxy.stall(BOTH, Which::Present);
    trial.open_gate();
    trial.passes().await;
}
