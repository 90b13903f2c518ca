//! Longshore's embedded store: one SQLite file, any number of processes of one machine.
//!
//! [`SqliteStore`] implements [`longshore_core::store::Store`]. It decides nothing that
//! `longshore-core` decides, and knows nothing of executors, workers or servers.
//!
//! How it works, in short: one writer thread owns the one connection that writes (`writer`) and
//! commits what waits in groups; reader threads answer questions from short snapshots
//! (`readers`); a watcher turns commits of other processes into hints (`wakeups`). Each
//! concern of the trait has its file, each SQL statement too, under `sql/`.

mod access;
mod busy;
mod changes;
mod connection;
mod engine;
mod error;
mod instance;
mod leases;
mod migrate;
mod observed;
mod places;
mod reading;
mod recovery;
mod registry;
mod rows;
mod store;
mod submissions;
mod transfer;
mod tx;
mod upkeep;
mod wakeups;
mod webhooks;
mod writer;

mod readers;

pub use observed::{HeldSnapshot, hold_snapshot};
pub use store::{Options, SqliteStore};

/// The text of a statement, from its file under `sql/`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql"))
    };
}
pub(crate) use sql;
