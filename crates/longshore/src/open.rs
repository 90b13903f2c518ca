//! From an address to a store: the one place that knows the stores by name.

use std::sync::Arc;

use longshore_core::store::Store;
use longshore_postgres::{Migrated, PostgresStore};
use longshore_queue::Retrying;
use longshore_sqlite::SqliteStore;

use crate::address::Address;

/// Opens the store at this address; contended calls are repeated.
pub async fn store(address: &Address) -> anyhow::Result<Retrying> {
    let store: Arc<dyn Store> = match address {
        Address::Sqlite(path) => Arc::new(SqliteStore::open(path, sqlite_options()).await?),
        Address::Postgres(url) => Arc::new(PostgresStore::connect(url, postgres_options()).await?),
    };
    Ok(Retrying::new(store))
}

/// Brings the database to this binary's schema, and says in words what that came to.
pub async fn migrate(address: &Address, grant_submit: Option<&str>) -> anyhow::Result<String> {
    match address {
        Address::Sqlite(path) => {
            // Opening it is migrating it.
            SqliteStore::open(path, sqlite_options())
                .await?
                .close()
                .await;
            Ok("up to date".to_owned())
        }
        Address::Postgres(url) => {
            let Migrated { from, to } =
                longshore_postgres::migrate(url, &postgres_options()).await?;
            let schema = if from == to {
                format!("schema {to} already")
            } else {
                format!("from schema {from} to {to}")
            };
            let Some(role) = grant_submit else {
                return Ok(schema);
            };
            let store = PostgresStore::connect(url, postgres_options()).await?;
            let granted = store.grant_submit(role).await;
            store.close().await;
            granted?;
            Ok(format!("{schema}, role {role} may submit"))
        }
    }
}

fn sqlite_options() -> longshore_sqlite::Options {
    longshore_sqlite::Options::default()
}

fn postgres_options() -> longshore_postgres::Options {
    longshore_postgres::Options::default()
}
