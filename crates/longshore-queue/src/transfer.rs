//! Moving everything to another database: closed on both sides until all of it is there.
//!
//! Both databases are closed first, each with a note of the other. So nothing that is read changes under
//! the reader, no job can run in two places, and a transfer that was cut off, at whatever point, goes on
//! when it is asked for again: what is there already is left as it is. Only the last step opens the new
//! one; the old one stays closed.

use longshore_core::store::transfer::{Closing, TABLES, Table, Transfer};
use longshore_core::store::{StoreError, StoreResult};

use crate::patience::patiently;

/// Rows of one page: some ten MiB of output at most.
const PAGE_ROWS: u32 = 200;

/// Why nothing was transferred, or not all.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A database could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Jobs are live, so nothing was begun.
    #[error("{leases} jobs are live")]
    InUse {
        /// How many.
        leases: u64,
    },
    /// The target has jobs, or something else of its own.
    #[error("the database to go to is not empty")]
    NotEmpty,
    /// One of the two takes part in another transfer.
    #[error("{why}")]
    Elsewhere {
        /// What it notes.
        why: String,
    },
    /// The target has another number of rows than were read.
    #[error("{table} has {found} rows where {expected} were read")]
    Differs {
        /// Of this table.
        table: &'static str,
        /// So many are there.
        found: u64,
        /// So many should be.
        expected: u64,
    },
}

/// What was transferred: the rows of each table.
pub type Transferred = Vec<(&'static Table, u64)>;

/// What the two databases note of each other while it goes on, and the old one for good.
#[derive(Clone, Debug)]
pub struct Notes {
    /// Why the old one is closed.
    pub left: String,
    /// Why the new one is, until all is there.
    pub coming: String,
}

/// Moves everything. `progress` hears of each page which table it is of, and how many rows that makes.
///
/// Waits for a database that is away. Cut off, it leaves both closed; asked for again with the same notes,
/// it goes on.
///
/// # Errors
/// [`TransferError`]; nothing was changed by `InUse`, `NotEmpty` and `Elsewhere`.
pub async fn transfer(
    from: &dyn Transfer,
    to: &dyn Transfer,
    notes: &Notes,
    mut progress: impl FnMut(&'static Table, u64),
) -> Result<Transferred, TransferError> {
    let is_begun = match from.closed_to_jobs().await? {
        Some(why) if why == notes.left => true,
        Some(why) => return Err(TransferError::Elsewhere { why }),
        None => false,
    };
    match to.closed_to_jobs().await? {
        Some(why) if why == notes.coming => {}
        Some(why) => return Err(TransferError::Elsewhere { why }),
        None if to.is_untouched().await? => close(to, &notes.coming).await?,
        None => return Err(TransferError::NotEmpty),
    }
    if !is_begun && let Err(refused) = close(from, &notes.left).await {
        // As it was: nothing has come into it.
        patiently("open the new database again", || to.reopen_to_jobs()).await?;
        return Err(refused);
    }
    patiently("note the rest of the changes", || from.note_rest()).await?;
    let mut transferred = Transferred::new();
    for table in TABLES {
        if table.name == "webhook" {
            patiently("begin to read the feed", || to.begin_noting()).await?;
        }
        let rows = copy(from, to, table, &mut progress).await?;
        let found = patiently("count rows", || to.count_rows(table)).await?;
        if found != rows {
            return Err(TransferError::Differs {
                table: table.name,
                found,
                expected: rows,
            });
        }
        transferred.push((table, rows));
    }
    let counters = patiently("export counters", || from.export_counters()).await?;
    patiently("import counters", || to.import_counters(counters)).await?;
    patiently("open the new database", || to.reopen_to_jobs()).await?;
    Ok(transferred)
}

async fn close(database: &dyn Transfer, why: &str) -> Result<(), TransferError> {
    match patiently("close the database", || database.close_to_jobs(why)).await? {
        Closing::Closed => Ok(()),
        Closing::InUse { leases } => Err(TransferError::InUse { leases }),
    }
}

async fn copy(
    from: &dyn Transfer,
    to: &dyn Transfer,
    table: &'static Table,
    progress: &mut impl FnMut(&'static Table, u64),
) -> StoreResult<u64> {
    let mut after = None;
    let mut rows = 0;
    loop {
        let page = patiently("export rows", || {
            from.export_rows(table, after.clone(), PAGE_ROWS)
        })
        .await?;
        let Some(last) = page.last() else {
            return Ok(rows);
        };
        after = Some(last[..table.key].to_vec());
        rows += page.len() as u64;
        patiently("import rows", || to.import_rows(table, page.clone())).await?;
        progress(table, rows);
    }
}
