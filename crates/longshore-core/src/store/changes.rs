//! The feed of changes: every move of a job from one state to another, for listeners that keep nothing
//! but a cursor.
//!
//! Nothing is lost and nothing is told twice, also where commits become visible in another order than
//! that in which they wrote, and across restarts of the listener: a cursor says exactly what was told.

mod cursor;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::ids::{JobId, QueueId};
use crate::state::State;

pub use cursor::{BadChangeCursor, ChangeCursor, IdRange, LateRound, merge_ranges};

/// A job came into a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Change {
    /// Of what the feed keeps. Moves that one statement made at once may share it. Of a job's moves the
    /// later has the higher; of different jobs it says nothing, and the feed may tell a lower one late.
    pub number: i64,
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueId,
    /// The state that it came into. It may have left it since.
    pub state: State,
    /// When, by the database's clock (SQLite's is read to the millisecond here).
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

impl Change {
    /// So many jobs that one statement moved are kept in one row at most. A page holds at most so many
    /// changes for each of the rows that it was limited to.
    pub const TOGETHER: u32 = 200;
}

/// A part of the feed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChangePage {
    /// What came after the cursor; the changes of one job in the order in which they happened. None
    /// says that there is nothing more for now; a short page does not.
    pub changes: Vec<Change>,
    /// The cursor of what follows. It may differ from the one that was asked with, though nothing was
    /// told: keep it.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub next: ChangeCursor,
    /// Some changes after the cursor are not kept any more, or it is from another past of the database
    /// (a backup was restored). The listener must look at everything anew: after it got this page, for
    /// `next` begins where the newest cursor does, and there are no changes with it.
    pub is_cut: bool,
    /// Whether `next` is behind everything that this look could see. Otherwise there may be more to read
    /// at once.
    pub is_all: bool,
}

impl ChangePage {
    /// Changes are kept for at least this long; older ones go when the storage is tended.
    pub const KEPT: Duration = Duration::from_hours(3 * 24);
    /// The most rows of one page, whatever is asked for.
    pub const MAX_ROWS: u32 = 1000;
    /// Old changes are taken away in batches of so many, where they are not dropped whole.
    pub const FORGOTTEN_AT_ONCE: u32 = 1000;
}

/// The feed of changes.
///
/// Every arrow of a job's life is told: submission, hold and release, acquisition, start, end, retry.
/// What leaves the state as it was is not: another priority, ageing, coming due, a take-over.
#[async_trait]
pub trait Changes: Send + Sync + 'static {
    /// What came after a cursor: of the store's rows at most `limit` (0 counts as 1) or
    /// [`ChangePage::MAX_ROWS`], each of at most [`Change::TOGETHER`] changes. Asked again with the same
    /// cursor it tells the same and what came since, for as long as that is kept. Locks nothing.
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage>;

    /// Where a listener begins that wants nothing of the past: after all that was committed before this
    /// call, and before all that is committed after it.
    async fn newest_change(&self) -> StoreResult<ChangeCursor>;
}
