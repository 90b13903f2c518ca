//! Behind a pooler that drops startup options, as `PgBouncer` does when it is told to ignore them.

mod scene;

use longshore_core::store::{Reading, Severity, Store, StoreError, Upkeep};
use longshore_postgres::testing::{TestClient, TestDatabase};
use longshore_postgres::{PostgresStore, migrate};
use scene::by_hand;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// What a role must say in place of the startup options.
const SAID: [(&str, &str); 5] = [
    ("search_path", "longshore, pg_temp"),
    ("default_transaction_isolation", "'read committed'"),
    ("lock_timeout", "'2s'"),
    ("statement_timeout", "'30s'"),
    ("idle_in_transaction_session_timeout", "'60s'"),
];

/// Serves the database's server without startup options; returns an address of it.
async fn pooler(database: &TestDatabase) -> String {
    let url = database.url();
    let (user, rest) = url.split_once('@').expect("a user");
    let (server, path) = rest.split_once('/').expect("a path");
    let (server, path) = (server.to_owned(), path.to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut client = client;
                let mut server = TcpStream::connect(server).await.expect("the server");
                let startup = without_options(&mut client).await;
                server.write_all(&startup).await.expect("written");
                // Either side may go at any time.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    // No question about TLS comes before the startup message.
    format!("{user}@127.0.0.1:{port}/{path}?sslmode=disable")
}

/// Reads a startup message: length, protocol, then names and values that end with NUL, and a NUL.
async fn without_options(client: &mut TcpStream) -> Vec<u8> {
    let length = client.read_u32().await.expect("a startup message");
    let mut message = vec![0; length as usize - 4];
    client.read_exact(&mut message).await.expect("the whole");
    let (protocol, said) = message.split_at(4);
    let words: Vec<&[u8]> = said.split(|byte| *byte == 0).collect();
    let mut kept = protocol.to_vec();
    for pair in words.chunks_exact(2).filter(|pair| !pair[0].is_empty()) {
        if pair[0] != b"options" {
            for word in pair {
                kept.extend_from_slice(word);
                kept.push(0);
            }
        }
    }
    kept.push(0);
    let length = u32::try_from(kept.len() + 4).expect("short");
    [length.to_be_bytes().as_slice(), &kept].concat()
}

/// Lets the database say to every session what the startup options would; so a test touches no role
/// that others use.
async fn say(client: &TestClient, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        let quoted = value.replace('\'', "''");
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {name} = {quoted}', \
             current_database()); END $$"
        );
        client.batch_execute(&set).await.expect("a setting");
    }
}

#[tokio::test]
async fn a_session_that_was_told_nothing_is_refused_with_what_mends_it() {
    let database = TestDatabase::create().await;
    let url = pooler(&database).await;
    let client = database.client().await;
    say(&client, &[(SAID[1].0, "serializable")]).await;
    for told in 0..SAID.len() {
        say(&client, &SAID[..told]).await;
        let refused = PostgresStore::connect(&url, by_hand()).await;
        let error = refused.expect_err("not all was said");
        assert!(matches!(error, StoreError::BadAddress(_)), "{error:?}");
        let text = error.to_string();
        for (index, (name, _)) in SAID.iter().enumerate() {
            let advice = format!("ALTER ROLE postgres SET {name} = ");
            assert_eq!(text.contains(&advice), index >= told, "{name}: {text}");
        }
    }
    say(&client, &SAID).await;
    let store = PostgresStore::connect(&url, by_hand())
        .await
        .expect("the database says it all");
    assert_eq!(store.newest_job().await.expect("readable"), None);
    store.close().await;
}

#[tokio::test]
async fn migrating_puts_nothing_into_another_schema() {
    let database = TestDatabase::create_empty().await;
    let url = pooler(&database).await;
    let error = migrate(&url, &by_hand()).await.expect_err("no path");
    assert!(
        error.to_string().contains("SET search_path = longshore"),
        "{error}"
    );
    let client = database.client().await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let count: i64 = client.query_one(tables, &[]).await.expect("asked").get(0);
    assert_eq!(count, 0);
    say(&client, &SAID).await;
    migrate(&url, &by_hand()).await.expect("the path is said");
}

#[tokio::test]
async fn doctor_says_what_a_later_session_was_not_told() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    say(&client, &SAID).await;
    let store = PostgresStore::connect(&pooler(&database).await, by_hand())
        .await
        .expect("told");
    let forget =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $$;
                  SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'longshore'";
    client.batch_execute(forget).await.expect("a superuser");
    // The broken connection is met at most once, and replaced by one that was told nothing.
    while store.now().await.is_err() {}
    let findings = store
        .diagnose()
        .await
        .expect("it is looked at all the same");
    let problem = findings
        .iter()
        .find(|finding| finding.subject == "settings")
        .expect("looked at");
    assert_eq!(problem.severity, Severity::Problem, "{problem:?}");
    assert!(problem.seen.contains("search_path is "), "{problem:?}");
    assert!(problem.advice.contains("ALTER ROLE "), "{problem:?}");
    store.close().await;
}
