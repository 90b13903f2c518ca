//! Real connections to the engine that `LONGSHORE_TEST_DOCKER` names, and to what is none.

mod front;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use longshore_docker::connect::{
    Address, Candidate, ConnectError, Connection, Problem, Source, connect_to,
};
use tokio::net::{TcpListener, UnixListener};

use front::{Certificates, Front};

/// The engine's socket; none where there is no engine, and then it says which test is skipped.
fn engine() -> Option<PathBuf> {
    if let Ok(address) = std::env::var("LONGSHORE_TEST_DOCKER") {
        let path = address
            .strip_prefix("unix://")
            .expect("it is a socket's address");
        return Some(PathBuf::from(path));
    }
    longshore_testkit::skip::skipped("LONGSHORE_TEST_DOCKER is not set");
    None
}

fn at(address: Address) -> Candidate {
    let source = Source::Usual;
    Candidate { address, source }
}

async fn to(address: Address) -> Result<Connection, ConnectError> {
    connect_to(vec![at(address)]).await
}

fn tls(front: &Front, certificates: &Path) -> Address {
    Address::Tls {
        authority: front.address.to_string(),
        certificates: certificates.to_owned(),
    }
}

async fn works(connection: &Connection) {
    let info = connection.docker.info().await.expect("the engine answers");
    assert!(info.id.is_some_and(|id| !id.is_empty()));
    let ours = bollard::API_DEFAULT_VERSION;
    let version = connection.docker.version().await.expect("it answers");
    let theirs = version.api_version.expect("it has one");
    let spoken = connection.docker.client_version();
    let spoken = format!("{}.{}", spoken.major_version, spoken.minor_version);
    let newest = format!("{}.{}", ours.major_version, ours.minor_version);
    assert!(
        spoken == theirs || spoken == newest,
        "{spoken} with {theirs}"
    );
}

/// The one problem of a failed connection.
fn problem(found: Result<Connection, ConnectError>) -> (Problem, String, bool) {
    let error = found.expect_err("it can't be reached");
    let (text, transient) = (error.to_string(), error.is_transient());
    match error {
        ConnectError::NoneAnswered(mut tried) if tried.len() == 1 => {
            (tried.remove(0).problem, text, transient)
        }
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_engine_answers_by_socket_and_by_tcp_in_a_version_both_speak() {
    let Some(engine) = engine() else { return };
    let front = Front::plain(engine.clone()).await;
    let tcp = Address::Tcp(front.address.to_string());
    for address in [Address::Unix(engine), tcp] {
        let shown = address.to_string();
        let connection = to(address).await.expect("the engine answers");
        assert_eq!(connection.address, shown);
        works(&connection).await;
    }
}

#[tokio::test]
async fn an_engine_answers_by_tls_to_those_whom_it_trusts() {
    let Some(engine) = engine() else { return };
    let certificates = Certificates::new();
    let front = Front::tls(engine, certificates.server.path()).await;
    let trusted = to(tls(&front, certificates.client.path())).await;
    works(&trusted.expect("the certificates are right")).await;
}

#[tokio::test]
async fn a_certificate_that_is_wrong_on_either_side_is_said_and_permanent() {
    let (ours, theirs) = (Certificates::new(), Certificates::new());
    let front = Front::tls(PathBuf::from("/nowhere"), theirs.server.path()).await;
    // We do not trust them; then they do not trust us; then we have nothing to show.
    let unknown = ours.client.path();
    let refused = tempfile::tempdir().expect("a folder can be made");
    for (file, from) in [("ca.pem", &theirs), ("cert.pem", &ours), ("key.pem", &ours)] {
        let copied = fs::copy(from.client.path().join(file), refused.path().join(file));
        copied.expect("the folder is ours");
    }
    let empty = tempfile::tempdir().expect("a folder can be made");
    for folder in [unknown, refused.path(), empty.path()] {
        let (problem, text, transient) = problem(to(tls(&front, folder)).await);
        assert!(matches!(problem, Problem::Certificate(_)), "{problem:?}");
        assert!(text.contains("DOCKER_CERT_PATH") && !transient, "{text}");
    }
}

#[tokio::test]
async fn where_nobody_listens_the_address_and_what_to_do_are_said() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let left = folder.path().join("left.sock");
    drop(UnixListener::bind(&left).expect("the folder is ours"));
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let port = free.local_addr().expect("it is bound");
    drop(free);
    for (address, expected) in [
        (
            Address::Unix(folder.path().join("none.sock")),
            Problem::NotThere,
        ),
        (Address::Unix(left), Problem::Refused),
        (Address::Tcp(port.to_string()), Problem::Refused),
    ] {
        let shown = address.to_string();
        let (problem, text, transient) = problem(to(address).await);
        assert_eq!(problem, expected, "{text}");
        assert!(text.contains(&shown) && transient, "{text}");
    }
}

#[tokio::test]
async fn an_engine_that_hangs_is_given_up_and_not_passed_over() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("hangs.sock");
    // Connections wait in its backlog, never taken up.
    let _listener = UnixListener::bind(&path).expect("the folder is ours");
    let next = Address::Unix(folder.path().join("next.sock"));
    let begun = Instant::now();
    let found = connect_to(vec![at(Address::Unix(path)), at(next)]).await;
    let (problem, text, transient) = problem(found);
    assert_eq!(problem, Problem::NoAnswer, "{text}");
    assert!(
        transient && begun.elapsed() < Duration::from_secs(20),
        "{text}"
    );
}

#[tokio::test]
async fn of_the_usual_places_the_first_that_answers_is_taken() {
    let Some(engine) = engine() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let candidates =
        ["none.sock", "neither.sock"].map(|name| Address::Unix(folder.path().join(name)));
    let all: Vec<_> = candidates.clone().into_iter().map(at).collect();
    let error = connect_to(all.clone()).await.expect_err("nothing is there");
    let text = error.to_string();
    assert!(
        text.contains("none.sock") && text.contains("neither.sock"),
        "{text}"
    );
    let last = Address::Unix(engine);
    let found = connect_to(all.into_iter().chain([at(last.clone())]).collect()).await;
    assert_eq!(found.expect("the last answers").address, last.to_string());
}
