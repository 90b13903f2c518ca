//! Faults of the database, as callers see them.

mod scene;

use longshore_core::store::{
    Contention, Finish, LeaseKey, Leases, Reading, Store, StoreError, Submissions, Upkeep,
};
use longshore_postgres::{Options, PostgresStore, migrate};
use scene::{by_hand, completion, job, scene, until_waiting_for_a_lock};

fn with_settings(url: &str, settings: &str) -> String {
    format!(
        "{url}?options={}",
        settings.replace(' ', "%20").replace('=', "%3D")
    )
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_says_so_in_one_sentence() {
    // Port 1 belongs to nobody.
    let url = "postgres://postgres@127.0.0.1:1/postgres";
    for error in [
        PostgresStore::connect(url, Options::default())
            .await
            .expect_err("nobody is there"),
        migrate(url, &Options::default())
            .await
            .expect_err("nobody is there"),
    ] {
        assert!(
            error.is_unavailable() && error.is_systems_fault(),
            "{error:?}"
        );
        assert!(error.to_string().contains("is it running"), "{error}");
        let cause = std::error::Error::source(&error)
            .expect("the cause is kept")
            .to_string();
        assert!(!error.to_string().contains(&cause), "and not repeated");
    }
}

#[tokio::test]
async fn a_database_or_user_that_is_not_there_is_unavailable() {
    let scene = scene(None).await;
    let url = scene.database.url();
    let nobody = url.replace("postgres@", "nobody_at_all@");
    for url in [format!("{url}_which_is_not_there"), nobody] {
        let error = PostgresStore::connect(&url, Options::default())
            .await
            .expect_err("not there");
        assert!(error.is_unavailable(), "{error:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for url in [
        "postgres://[",
        "not an address",
        "postgres://h/d?sslmode=verify",
    ] {
        let refused = PostgresStore::connect(url, Options::default()).await;
        assert!(
            matches!(refused, Err(StoreError::BadAddress(_))),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_was_killed_is_unavailable_once_and_then_replaced() {
    let scene = scene(None).await;
    let options = Options {
        pool_size: 1,
        ..by_hand()
    };
    let store = PostgresStore::connect(&scene.database.url(), options)
        .await
        .expect("migrated");
    let client = scene.database.client().await;
    let hold = "BEGIN; LOCK TABLE job IN ACCESS EXCLUSIVE MODE";
    client.batch_execute(hold).await.expect("a lock");
    let url = with_settings(&scene.database.url(), "-c lock_timeout=20s");
    let waiting = PostgresStore::connect(&url, Options::default())
        .await
        .expect("migrated");
    let newest = tokio::spawn(async move { waiting.newest_job().await });
    let watcher = scene.database.client().await;
    until_waiting_for_a_lock(&watcher, 1).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND application_name = 'longshore'";
    watcher.batch_execute(kill).await.expect("a superuser");
    let error = newest
        .await
        .expect("no panic")
        .expect_err("killed while it waited");
    assert!(error.is_unavailable(), "{error:?}");
    client.batch_execute("ROLLBACK").await.expect("rollback");
    // The idle connection was killed as well: met at most once, and replaced.
    let first = store.newest_job().await;
    assert!(first.as_ref().is_ok_and(Option::is_none) || first.is_err_and(|e| e.is_unavailable()));
    assert_eq!(store.newest_job().await.expect("a new connection"), None);
    store.close().await;
}

#[tokio::test]
async fn a_deadlock_is_contention_and_can_be_repeated() {
    let scene = scene(None).await;
    scene.submit(2).await;
    let mut leases: Vec<LeaseKey> = scene
        .acquire(2)
        .await
        .iter()
        .map(|lease| lease.key)
        .collect();
    leases.sort_unstable();
    let client = scene.database.client().await;
    // The client never breaks a deadlock itself: the store's session is its victim.
    client
        .batch_execute("SET deadlock_timeout = '60s'; BEGIN")
        .await
        .expect("a superuser");
    let lock = "SELECT FROM lease WHERE job_id = $1 FOR UPDATE";
    client
        .query(lock, &[&leases[1].job.0])
        .await
        .expect("the second lease");
    let url = with_settings(
        &scene.database.url(),
        "-c deadlock_timeout=1s -c lock_timeout=30s",
    );
    let store = PostgresStore::connect(&url, Options::default())
        .await
        .expect("migrated");
    let finishes: Vec<Finish> = leases.iter().copied().map(completion).collect();
    let repeated = finishes.clone();
    let finishing = tokio::spawn(async move {
        let outcome = store.finish(&finishes).await;
        (store, outcome)
    });
    let watcher = scene.database.client().await;
    until_waiting_for_a_lock(&watcher, 1).await;
    client
        .query(lock, &[&leases[0].job.0])
        .await
        .expect("given, once the store has given up");
    let (store, outcome) = finishing.await.expect("no panic");
    let error = outcome.expect_err("a deadlock");
    let deadlock = Contention::Deadlock;
    assert!(
        matches!(error, StoreError::Contended { contention, .. } if contention == deadlock),
        "{error:?}"
    );
    assert!(error.is_transient());
    client.batch_execute("ROLLBACK").await.expect("rollback");
    store.finish(&repeated).await.expect("the same call again");
    assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
    store.close().await;
}

#[tokio::test]
async fn waiting_too_long_for_a_lock_is_contention_and_leaves_nothing_behind() {
    let scene = scene(None).await;
    scene.submit(1).await;
    let lease = scene.acquire(1).await[0].key;
    let client = scene.database.client().await;
    client
        .batch_execute("BEGIN; SELECT FROM lease FOR UPDATE")
        .await
        .expect("a lock");
    let error = scene
        .store
        .finish(&[completion(lease)])
        .await
        .expect_err("it waits in vain");
    let timeout = Contention::LockTimeout;
    assert!(
        matches!(error, StoreError::Contended { contention, .. } if contention == timeout),
        "{error:?}"
    );
    client.batch_execute("ROLLBACK").await.expect("rollback");
    assert_eq!(
        scene
            .store
            .leases_of(scene.worker)
            .await
            .expect("leases")
            .len(),
        1
    );
    scene.store.close().await;
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_contention() {
    let scene = scene(None).await;
    let url = with_settings(
        &scene.database.url(),
        "-c lock_timeout=20s -c statement_timeout=200",
    );
    let store = PostgresStore::connect(&url, by_hand())
        .await
        .expect("migrated");
    let client = scene.database.client().await;
    client
        .batch_execute("BEGIN; LOCK TABLE job")
        .await
        .expect("a lock");
    let error = store
        .submit(&[job(50)])
        .await
        .expect_err("it takes too long");
    assert!(error.is_transient(), "{error:?}");
    client.batch_execute("ROLLBACK").await.expect("rollback");
    assert_eq!(store.newest_job().await.expect("readable"), None);
    store.close().await;
}

#[tokio::test]
async fn a_database_that_only_reads_says_that_it_cannot_write() {
    let scene = scene(None).await;
    let url = with_settings(&scene.database.url(), "-c default_transaction_read_only=on");
    let store = PostgresStore::connect(&url, Options::default())
        .await
        .expect("readable");
    let error = store.submit(&[job(50)]).await.expect_err("read-only");
    assert!(matches!(error, StoreError::CannotWrite { .. }), "{error:?}");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(store.newest_job().await.expect("reading goes on"), None);
    store.close().await;
}

#[tokio::test]
async fn tables_that_went_away_ask_for_a_migration() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    client
        .batch_execute("DROP TABLE template")
        .await
        .expect("dropped");
    let error = longshore_core::store::Registry::templates(&scene.store)
        .await
        .expect_err("gone");
    assert!(
        matches!(error, StoreError::SchemaTooOld { .. }),
        "{error:?}"
    );
    scene.store.close().await;
}

#[tokio::test]
async fn a_closed_store_refuses_every_verb() {
    let scene = scene(None).await;
    scene.store.close().await;
    let error = scene.store.newest_job().await.expect_err("closed");
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn a_role_without_rights_is_told_so_by_name() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let role = format!("longshore_reader_{}", std::process::id());
    let create = format!("CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA longshore TO {role}");
    client.batch_execute(&create).await.expect("a superuser");
    let url = scene
        .database
        .url()
        .replace("postgres@", &format!("{role}@"));
    let refused = PostgresStore::connect(&url, by_hand()).await;
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    client.batch_execute(&drop).await.expect("gone");
    let error = refused.expect_err("it may not read the schema's version");
    assert!(matches!(error, StoreError::BadAddress(_)), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("permission denied for table schema_history") && text.contains("role"),
        "{text}"
    );
}
