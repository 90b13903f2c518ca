//! The schema's versions: made once, never past what the binary knows.

use longshore_core::store::{Contention, Reading, Store, StoreError};
use longshore_postgres::testing::TestDatabase;
use longshore_postgres::{Migrated, Options, PostgresStore, migrate};

#[tokio::test]
async fn a_database_is_migrated_once_and_used_at_once() {
    let database = TestDatabase::create_empty().await;
    let options = Options::default();
    let Migrated { from, to } = migrate(&database.url(), &options).await.expect("empty");
    assert!(from == 0 && to > 0);
    let again = migrate(&database.url(), &options)
        .await
        .expect("nothing to do");
    assert_eq!(again, Migrated { from: to, to });
    let store = database.store().await.expect("migrated");
    assert_eq!(store.newest_job().await.expect("readable"), None);
    store.close().await;
}

#[tokio::test]
async fn several_processes_that_migrate_at_once_all_succeed() {
    let database = TestDatabase::create_empty().await;
    let url = database.url();
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { migrate(&url, &Options::default()).await })
        })
        .collect();
    let mut from_nothing = 0;
    for task in tasks {
        let Migrated { from, .. } = task.await.expect("no panic").expect("all succeed");
        from_nothing += usize::from(from == 0);
    }
    assert_eq!(from_nothing, 1, "one did the work");
}

#[tokio::test]
async fn an_unmigrated_database_is_refused_and_says_what_to_do() {
    let database = TestDatabase::create_empty().await;
    let refused = PostgresStore::connect(&database.url(), Options::default()).await;
    let error = refused.expect_err("there is no schema");
    assert!(
        matches!(error, StoreError::SchemaTooOld { found: 0, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("longshore migrate"));
}

#[tokio::test]
async fn an_older_schema_is_refused() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let remove = "DELETE FROM schema_history WHERE version > 1";
    client.batch_execute(remove).await.expect("history");
    let refused = PostgresStore::connect(&database.url(), Options::default()).await;
    assert!(
        matches!(refused, Err(StoreError::SchemaTooOld { found: 1, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_connecting_and_by_migrating() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let add = "INSERT INTO schema_history (version, name, applied_on, checksum)
               VALUES (9999, 'of_the_future', '2030-01-01T00:00:00Z', '1')";
    client.batch_execute(add).await.expect("history");
    let too_new = |error: StoreError| match error {
        StoreError::SchemaTooNew { found: 9999, .. } => error.to_string(),
        other => panic!("{other:?}"),
    };
    let refused = PostgresStore::connect(&database.url(), Options::default()).await;
    let text = too_new(refused.expect_err("newer"));
    assert!(text.contains("use a newer longshore"), "{text}");
    too_new(
        migrate(&database.url(), &Options::default())
            .await
            .expect_err("newer"),
    );
}

#[tokio::test]
async fn a_migration_that_was_changed_afterwards_is_noticed() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let change = "UPDATE schema_history SET checksum = '1' WHERE version = 2;
                  DELETE FROM schema_history WHERE version > 2";
    client.batch_execute(change).await.expect("history");
    let refused = migrate(&database.url(), &Options::default()).await;
    assert!(
        matches!(refused, Err(StoreError::Unexpected { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_clone_for_a_test_has_a_name_of_its_own() {
    let (first, second) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    let mut names = Vec::new();
    for database in [&first, &second] {
        let store = database.store().await.expect("migrated");
        names.push(store.instance().await.expect("a name").0);
        store.close().await;
    }
    assert_ne!(names[0], names[1]);
    assert!(names.iter().all(|name| name.len() == 12), "{names:?}");
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let database = TestDatabase::create_empty().await;
    let client = database.client().await;
    let name = format!("longshore_latin_{}", std::process::id());
    let create = format!(
        "CREATE DATABASE {name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    );
    client.batch_execute(&create).await.expect("a database");
    let (server, _) = database
        .url()
        .rsplit_once('/')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a path");
    let refused = migrate(&format!("{server}/{name}"), &Options::default()).await;
    client
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .expect("gone");
    let error = refused.expect_err("LATIN1").to_string();
    assert!(
        error.contains("LATIN1") && error.contains("UTF8"),
        "{error}"
    );
}

#[tokio::test]
async fn a_migration_that_meets_a_lock_is_contention_and_can_be_repeated() {
    let database = TestDatabase::create_empty().await;
    let client = database.client().await;
    // The history can be read, and the first migration can't be written into it.
    let hold = "CREATE SCHEMA longshore;
                CREATE TABLE longshore.schema_history (version integer PRIMARY KEY, name varchar,
                    applied_on varchar, checksum varchar);
                BEGIN; LOCK TABLE longshore.schema_history IN SHARE MODE";
    client.batch_execute(hold).await.expect("a lock");
    let options = Options {
        lock_timeout: std::time::Duration::from_millis(200),
        ..Options::default()
    };
    let refused = migrate(&database.url(), &options).await;
    let error = refused.expect_err("it waits in vain");
    assert!(
        matches!(
            error,
            StoreError::Contended {
                contention: Contention::LockTimeout,
                ..
            }
        ),
        "{error:?}"
    );
    client.batch_execute("ROLLBACK").await.expect("rollback");
    migrate(&database.url(), &options).await.expect("repeated");
}
