//! From an address to a store: the one place that knows the stores by name.

use std::sync::Arc;

use longshore_core::store::transfer::Transfer;
use longshore_core::store::{Renewed, Store};
use longshore_postgres::{Migrated, PostgresStore};
use longshore_queue::Retrying;
use longshore_sqlite::SqliteStore;

use crate::address::Address;
use crate::config::Config;

/// How each store is spoken to.
#[derive(Clone, Default)]
pub struct Options {
    sqlite: longshore_sqlite::Options,
    postgres: longshore_postgres::Options,
}

impl Options {
    /// As the configuration says, over the stores' own defaults.
    pub fn of(config: &Config) -> Self {
        let mut options = Self::default();
        let (from, to) = (&config.postgres, &mut options.postgres);
        if let Some(pool_size) = from.pool_size {
            to.pool_size = pool_size as usize;
        }
        if let Some(name) = &from.application_name {
            to.application_name.clone_from(name);
        }
        to.lock_timeout = from.lock_timeout.unwrap_or(to.lock_timeout);
        to.statement_timeout = from.statement_timeout.unwrap_or(to.statement_timeout);
        let (from, to) = (&config.sqlite, &mut options.sqlite);
        to.busy_budget = from.busy_timeout.unwrap_or(to.busy_budget);
        if let Some(readers) = from.readers {
            to.readers = readers as usize;
        }
        options
    }
}

/// Opens the store at this address; contended calls are repeated.
pub async fn store(address: &Address, how: &Options) -> anyhow::Result<Retrying> {
    let store: Arc<dyn Store> = match address {
        Address::Sqlite(path) => Arc::new(SqliteStore::open(path, how.sqlite).await?),
        Address::Postgres(url) => {
            Arc::new(PostgresStore::connect(url, how.postgres.clone()).await?)
        }
    };
    Ok(Retrying::new(store))
}

/// A database as a transfer sees it, and as it is closed in the end.
pub struct Transferable {
    /// What a transfer asks.
    pub rows: Arc<dyn Transfer>,
    /// The same store.
    pub store: Arc<dyn Store>,
}

/// Opens the database at this address for a transfer.
pub async fn for_transfer(address: &Address, how: &Options) -> anyhow::Result<Transferable> {
    Ok(match address {
        Address::Sqlite(path) => {
            let store = Arc::new(SqliteStore::open(path, how.sqlite).await?);
            let rows = Arc::clone(&store) as Arc<dyn Transfer>;
            Transferable { rows, store }
        }
        Address::Postgres(url) => {
            let store = Arc::new(PostgresStore::connect(url, how.postgres.clone()).await?);
            let rows = Arc::clone(&store) as Arc<dyn Transfer>;
            Transferable { rows, store }
        }
    })
}

/// Gives a copied database a new name, or with `keep` notes that its name is at home there.
pub async fn renew_instance(
    address: &Address,
    how: &Options,
    keep: bool,
) -> anyhow::Result<Renewed> {
    Ok(match address {
        Address::Sqlite(path) => {
            let store = SqliteStore::open(path, how.sqlite).await?;
            let renewed = store.renew_instance(keep).await;
            store.close().await;
            renewed?
        }
        Address::Postgres(url) => {
            let store = PostgresStore::connect(url, how.postgres.clone()).await?;
            let renewed = store.renew_instance(keep).await;
            store.close().await;
            renewed?
        }
    })
}

/// Brings the database to this binary's schema, and says in words what that came to.
pub async fn migrate(
    address: &Address,
    how: &Options,
    grant_submit: Option<&str>,
) -> anyhow::Result<String> {
    match address {
        Address::Sqlite(path) => {
            // Opening it is migrating it.
            SqliteStore::open(path, how.sqlite).await?.close().await;
            Ok("up to date".to_owned())
        }
        Address::Postgres(url) => {
            let Migrated { from, to } = longshore_postgres::migrate(url, &how.postgres).await?;
            let schema = if from == to {
                format!("schema {to} already")
            } else {
                format!("from schema {from} to {to}")
            };
            let Some(role) = grant_submit else {
                return Ok(schema);
            };
            let store = PostgresStore::connect(url, how.postgres.clone()).await?;
            let granted = store.grant_submit(role).await;
            store.close().await;
            granted?;
            Ok(format!("{schema}, role {role} may submit"))
        }
    }
}
