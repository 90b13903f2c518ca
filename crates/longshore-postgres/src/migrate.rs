//! The schema's versions: forward only, one process at a time, and never past what this binary
//! knows.

use longshore_core::store::{StoreError, StoreResult};
use refinery::{Migration, Runner};
use tokio_postgres::Client;

use crate::server::Server;
use crate::{Options, VERB_MIGRATE as VERB, error, session};

/// Every migration. A list rather than a macro over the folder, so that a changed file is seen by
/// the compiler.
pub(crate) const MIGRATIONS: [(&str, &str); 29] = [
    ("V1__tables", include_str!("../migrations/V1__tables.sql")),
    ("V2__acquire", include_str!("../migrations/V2__acquire.sql")),
    ("V3__submit", include_str!("../migrations/V3__submit.sql")),
    ("V4__views", include_str!("../migrations/V4__views.sql")),
    ("V5__storage", include_str!("../migrations/V5__storage.sql")),
    (
        "V6__check_values",
        include_str!("../migrations/V6__check_values.sql"),
    ),
    (
        "V7__check_spec",
        include_str!("../migrations/V7__check_spec.sql"),
    ),
    (
        "V8__submit_json",
        include_str!("../migrations/V8__submit_json.sql"),
    ),
    (
        "V9__idle_and_storage",
        include_str!("../migrations/V9__idle_and_storage.sql"),
    ),
    (
        "V10__check_names",
        include_str!("../migrations/V10__check_names.sql"),
    ),
    (
        "V11__hosts_with_room",
        include_str!("../migrations/V11__hosts_with_room.sql"),
    ),
    (
        "V12__check_devices",
        include_str!("../migrations/V12__check_devices.sql"),
    ),
    (
        "V13__take_over",
        include_str!("../migrations/V13__take_over.sql"),
    ),
    ("V14__ageing", include_str!("../migrations/V14__ageing.sql")),
    (
        "V15__instance_home",
        include_str!("../migrations/V15__instance_home.sql"),
    ),
    (
        "V16__take_over_after_outages",
        include_str!("../migrations/V16__take_over_after_outages.sql"),
    ),
    ("V17__access", include_str!("../migrations/V17__access.sql")),
    (
        "V18__secret_env",
        include_str!("../migrations/V18__secret_env.sql"),
    ),
    (
        "V19__changes",
        include_str!("../migrations/V19__changes.sql"),
    ),
    (
        "V20__attempts_unstarted",
        include_str!("../migrations/V20__attempts_unstarted.sql"),
    ),
    (
        "V21__take_over_as_sent",
        include_str!("../migrations/V21__take_over_as_sent.sql"),
    ),
    (
        "V22__settled_at",
        include_str!("../migrations/V22__settled_at.sql"),
    ),
    ("V23__closed", include_str!("../migrations/V23__closed.sql")),
    (
        "V24__no_public_functions",
        include_str!("../migrations/V24__no_public_functions.sql"),
    ),
    (
        "V25__webhooks",
        include_str!("../migrations/V25__webhooks.sql"),
    ),
    ("V26__usage", include_str!("../migrations/V26__usage.sql")),
    (
        "V27__acquire_sorted_once",
        include_str!("../migrations/V27__acquire_sorted_once.sql"),
    ),
    (
        "V28__look_ahead",
        include_str!("../migrations/V28__look_ahead.sql"),
    ),
    (
        "V29__submit_plain",
        include_str!("../migrations/V29__submit_plain.sql"),
    ),
];

/// Where the versions are noted, within the schema `longshore`.
const HISTORY: &str = "schema_history";

/// The oldest PostgreSQL that has everything used here.
const OLDEST_SERVER: i32 = 15;

/// Held while migrating: any number, the same in every process and version.
const MIGRATION_LOCK: i64 = 0x6c6f_6e67_7368_6f72;

/// How many days of partitions are made at once: see `storage.rs`.
pub(crate) const DAYS_AHEAD: i32 = 7;

/// What a migration did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Migrated {
    /// The version before; 0 for none.
    pub from: i32,
    /// The version now.
    pub to: i32,
}

/// The version that this binary needs and makes.
pub(crate) fn newest_version() -> i32 {
    i32::try_from(MIGRATIONS.len()).expect("few enough to count")
}

/// Brings the database's schema to the version that this binary needs. Several processes may do so
/// at once: one does the work, and all succeed.
pub async fn migrate(url: &str, options: &Options) -> StoreResult<Migrated> {
    let server = Server::with(url, options)?;
    let mut worker = Session::open(&server).await?;
    check_server(&worker.client).await?;
    session::check(VERB, &worker.client).await?;

    // The lock belongs to a transaction of a second connection, because refinery begins and ends
    // its own on the first; a transaction, so that it also works behind a transaction pooler.
    let guard = Session::open(&server).await?;
    let locked = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 0; \
                  SET LOCAL statement_timeout = 0; \
                  SET LOCAL idle_in_transaction_session_timeout = 0";
    run(&guard.client, locked).await?;
    guard
        .client
        .execute("SELECT pg_advisory_xact_lock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(|e| error::of_driver(VERB, e))?;

    let from = found_version(VERB, &worker.client).await?;
    refuse_newer(from)?;
    if from < newest_version() {
        run(
            &worker.client,
            "CREATE SCHEMA IF NOT EXISTS longshore; SET statement_timeout = 0",
        )
        .await?;
        runner()?
            .run_async(&mut worker.client)
            .await
            .map_err(|e| error::of_migration(VERB, e))?;
        let days = format!("SELECT make_log_partitions({DAYS_AHEAD})");
        run(&worker.client, &days).await?;
    }
    run(&guard.client, "COMMIT").await?;
    Ok(Migrated {
        from,
        to: newest_version(),
    })
}

/// Refuses a server or a schema that this binary can't work with. Says whether the session was told
/// by its startup options what it needs to know.
pub(crate) async fn check(client: &Client) -> StoreResult<bool> {
    check_server(client).await?;
    let is_told_at_start = session::check("connect", client).await?;
    let found = found_version("connect", client).await?;
    refuse_newer(found)?;
    if found < newest_version() {
        return Err(StoreError::SchemaTooOld {
            found,
            needed: newest_version(),
        });
    }
    Ok(is_told_at_start)
}

fn refuse_newer(found: i32) -> StoreResult<()> {
    if found > newest_version() {
        return Err(StoreError::SchemaTooNew {
            found,
            supported: newest_version(),
        });
    }
    Ok(())
}

async fn found_version(verb: &'static str, client: &Client) -> StoreResult<i32> {
    let ask = async {
        let exists = client
            .query_one(
                "SELECT to_regclass('longshore.schema_history') IS NOT NULL",
                &[],
            )
            .await?;
        if !exists.get::<_, bool>(0) {
            return Ok(0);
        }
        let newest = "SELECT coalesce(max(version), 0) FROM longshore.schema_history";
        Ok(client.query_one(newest, &[]).await?.get(0))
    };
    ask.await.map_err(|e| error::of_driver(verb, e))
}

async fn check_server(client: &Client) -> StoreResult<()> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding')",
            &[],
        )
        .await
        .map_err(|e| error::of_driver("connect", e))?;
    accept_server(row.get(0))?;
    let encoding: &str = row.get(1);
    if encoding != "UTF8" {
        return Err(StoreError::BadAddress(format!(
            "the database's encoding is {encoding}; longshore needs one with UTF8"
        )));
    }
    Ok(())
}

/// `number` as in `server_version_num`: 150018 is 15.18.
fn accept_server(number: i32) -> StoreResult<()> {
    if number / 10_000 >= OLDEST_SERVER {
        return Ok(());
    }
    Err(StoreError::BadAddress(format!(
        "the server is PostgreSQL {}.{}; longshore needs {OLDEST_SERVER} or later",
        number / 10_000,
        number % 10_000
    )))
}

fn runner() -> StoreResult<Runner> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| StoreError::unexpected(VERB, e))?;
    let mut runner = Runner::new(&migrations);
    runner.set_migration_table_name(HISTORY);
    Ok(runner)
}

async fn run(client: &Client, sql: &str) -> StoreResult<()> {
    client
        .batch_execute(sql)
        .await
        .map_err(|e| error::of_driver(VERB, e))
}

/// A connection that is driven by a task, and ends with this value.
#[derive(Debug)]
pub(crate) struct Session {
    pub client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Session {
    pub async fn open(server: &Server) -> StoreResult<Self> {
        let (client, connection) = server
            .connect()
            .await
            .map_err(|e| error::of_connecting("connect", e))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(Self { client, driver })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_15_are_refused_by_their_version() {
        assert!(accept_server(150_000).is_ok());
        assert!(accept_server(180_001).is_ok());
        let error = accept_server(140_021).expect_err("too old").to_string();
        assert!(error.contains("14.21") && error.contains("15"), "{error}");
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        for (index, (name, _)) in MIGRATIONS.iter().enumerate() {
            assert!(name.starts_with(&format!("V{}__", index + 1)), "{name}");
        }
    }

    /// Databases have noted these checksums, and are refused by a binary that has others. A line is
    /// added with its migration, and none is ever changed: what was wrong is mended by the next one.
    #[test]
    fn no_migration_is_changed_once_it_is_out() {
        let checksum = |(name, sql): &(&str, &str)| {
            let migration = Migration::unapplied(name, sql).expect("a migration");
            format!("{name} {}\n", migration.checksum())
        };
        let now: String = MIGRATIONS.iter().map(checksum).collect();
        assert_eq!(now, include_str!("../migrations/checksums.txt"));
    }
}
