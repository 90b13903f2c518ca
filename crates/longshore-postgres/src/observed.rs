//! A database as benchmarks see it from beside: what its server counts, and a transaction that stays
//! open while others work.

use longshore_core::store::StoreResult;

use crate::error;
use crate::migrate::Session;
use crate::rows::column;
use crate::server::Server;

const VERB: &str = "observe database";

/// What the server counts of a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activity {
    /// Sessions of clients, without the one that asks.
    pub connections: i64,
    /// Transactions since the database was made, ended either way, without those of this look. The
    /// server learns of those of an idle session within a second or so.
    pub transactions: i64,
    /// What the server has written to its log, for whichever database, since it was made.
    pub wal_bytes: i64,
    /// Rows that are dead and not removed yet, by the server's estimate.
    pub dead_rows: i64,
}

/// Asks, in a session of its own.
pub async fn activity(url: &str) -> StoreResult<Activity> {
    let session = Session::open(&Server::at(url)?).await?;
    let row = session
        .client
        .query_one(include_str!("../sql/activity.sql"), &[])
        .await
        .map_err(|source| error::of_driver(VERB, source))?;
    Ok(Activity {
        connections: column(VERB, &row, "connections")?,
        transactions: column(VERB, &row, "transactions")?,
        wal_bytes: column(VERB, &row, "wal_bytes")?,
        dead_rows: column(VERB, &row, "dead_rows")?,
    })
}

/// A transaction that sees the database as it was, so that nothing is removed that died since.
/// Ends when it is dropped.
pub struct HeldSnapshot {
    _session: Session,
}

/// Begins one.
pub async fn hold_snapshot(url: &str) -> StoreResult<HeldSnapshot> {
    let session = Session::open(&Server::at(url)?).await?;
    // The snapshot is taken by the first statement.
    let begin = "SET idle_in_transaction_session_timeout = 0; \
                 BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT FROM pg_class LIMIT 1";
    let held = session.client.batch_execute(begin).await;
    held.map_err(|source| error::of_driver(VERB, source))?;
    Ok(HeldSnapshot { _session: session })
}
