//! A file as benchmarks see it from beside: a transaction that stays open while others work.

use std::path::Path;
use std::time::Duration;

use longshore_core::store::StoreResult;
use rusqlite::Connection;

use crate::{connection, error};

/// How long the transaction may take to begin while the file is busy.
const BUSY: Duration = Duration::from_secs(5);

/// A transaction that sees the file as it was, so that the log can't be written back past it. Ends
/// when it is dropped.
pub struct HeldSnapshot {
    _reader: Connection,
}

/// Begins one. Blocks for as long as the file takes to open.
pub fn hold_snapshot(path: &Path) -> StoreResult<HeldSnapshot> {
    let reader = connection::open_reader(path, BUSY)?;
    // The snapshot is taken by the first statement.
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")
        .map_err(|fault| error::at_open(path, fault))?;
    Ok(HeldSnapshot { _reader: reader })
}
