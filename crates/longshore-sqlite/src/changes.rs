//! [`Changes`]: the feed of changes. There is one writer at a time, so a cursor is the number of the last row
//! that was told; numbers have no gaps.

use async_trait::async_trait;
use longshore_core::state::State;
use longshore_core::store::{Change, ChangeCursor, ChangePage, Changes, StoreResult};
use longshore_core::{JobId, QueueId};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::rows::{Micros, Word};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;

#[async_trait]
impl Changes for SqliteStore {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        let (after, limit) = (after.clone(), limit.clamp(1, ChangePage::MAX_ROWS));
        let read = move |tx: &Tx<'_>| page(tx, &after, limit);
        self.engine.read("read the feed of changes", read).await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        let read = |tx: &Tx<'_>| Ok(at(kept(tx)?.last));
        self.engine.read("find the newest change", read).await
    }
}

/// What there is of the feed; 0 for the ends of an empty one.
struct Kept {
    first: i64,
    last: i64,
}

fn kept(tx: &Tx<'_>) -> Outcome<Kept> {
    tx.one(sql!("changes_kept"), [], |row| {
        Ok(Kept {
            first: row.get::<_, Option<i64>>("first")?.unwrap_or(0),
            last: row.get::<_, Option<i64>>("last")?.unwrap_or(0),
        })
    })
}

fn at(seen: i64) -> ChangeCursor {
    ChangeCursor {
        seen,
        ..ChangeCursor::default()
    }
}

fn page(tx: &Tx<'_>, after: &ChangeCursor, limit: u32) -> Outcome<ChangePage> {
    let Kept { first, last } = kept(tx)?;
    // Ahead of the feed: a backup was restored, or the cursor is of another database.
    let is_foreign = after.seen > last || *after != at(after.seen);
    if is_foreign || after.seen + 1 < first {
        return Ok(ChangePage {
            changes: Vec::new(),
            next: at(last),
            is_cut: true,
            is_all: false,
        });
    }
    let params = named_params! { ":after": after.seen, ":limit": limit };
    let rows = tx.all(sql!("changes"), params, |row| {
        let change = Change {
            number: row.get("seq")?,
            job: JobId(row.get("job_id")?),
            queue: QueueId(row.get("queue_id")?),
            state: row.get::<_, Word<State>>("state")?.0,
            at: row.get::<_, Micros>("at")?.time(),
        };
        Ok(change)
    })?;
    let seen = rows.last().map_or(after.seen, |change| change.number);
    Ok(ChangePage {
        is_all: seen == last,
        next: at(seen),
        changes: rows,
        is_cut: false,
    })
}
