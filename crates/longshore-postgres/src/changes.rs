//! [`Changes`]: the feed of changes.
//!
//! A reader was told all rows up to a number that were visible when it came so far. Rows that become
//! visible later though their number is lower are those of transactions that were open then, which the
//! cursor lists; they are found by their transaction. So nothing that is open holds up what comes after it,
//! and what was rolled back leaves nothing to wait for. `migrations/V19__changes.sql` says what that rests
//! on.
//!
//! The changes of one job come in their order: each waited for the commit of the one before, so it has a
//! higher number, and is visible only where the one before is. A page tells what came late before what is
//! new, both by number, and begins nothing new before all that came late is told.

use async_trait::async_trait;
use longshore_core::state::State;
use longshore_core::store::{
    Change, ChangeCursor, ChangePage, Changes, IdRange, LateRound, StoreError, StoreResult,
};
use longshore_core::{JobId, QueueId};
use tokio_postgres::Row;

use crate::PostgresStore;
use crate::db::Params;
use crate::rows::{self, column};
use crate::snapshot::Snapshot;
use crate::timestamps::At;

#[async_trait]
impl Changes for PostgresStore {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        const VERB: &str = "read the feed of changes";
        let limit = limit.clamp(1, ChangePage::MAX_ROWS);
        let (of, through) = after
            .late
            .as_ref()
            .map_or((&after.open, 0), |late| (&late.of, late.through));
        let firsts: Vec<i64> = of.iter().map(|range| range.first).collect();
        let lasts: Vec<i64> = of.iter().map(|range| range.last).collect();
        let limit = i32::try_from(limit).expect("no more than the most rows");
        // One more tells whether others follow. Within a round nothing new is begun.
        let late_limit = limit + 1;
        let new_limit = if after.late.is_some() { 0 } else { limit };
        let params: Params<'_> = &[
            &after.seen,
            &through,
            &firsts,
            &lasts,
            &late_limit,
            &new_limit,
        ];
        let sql = include_str!("../sql/changes.sql");
        let found = Found::read(VERB, &self.db.rows(VERB, sql, params).await?)?;
        if found.kept.is_cut(after) {
            return Ok(ChangePage {
                changes: Vec::new(),
                next: self.newest_change().await?,
                is_cut: true,
                is_all: false,
            });
        }
        let limit = usize::try_from(limit).expect("above 0");
        Ok(found.page(after, limit))
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        const VERB: &str = "find the newest change";
        let sql = include_str!("../sql/changes_newest.sql");
        // More transactions than a cursor can hold are open only for moments, if at all.
        for _ in 0..LOOKS {
            let row = self.db.one(VERB, sql, &[]).await?;
            let cursor = ChangeCursor {
                seen: column(VERB, &row, "seq")?,
                cleared: column(VERB, &row, "cleared")?,
                open: snapshot(VERB, &row)?.open_below(column(VERB, &row, "next_id")?),
                late: None,
            };
            if cursor.is_bounded() {
                return Ok(cursor);
            }
        }
        Err(StoreError::Contended {
            verb: VERB,
            contention: longshore_core::store::Contention::Busy,
            source: "too many transactions were open at once".into(),
        })
    }
}

/// How often the newest change is looked for.
const LOOKS: usize = 5;

/// What a look found.
struct Found {
    snapshot: Snapshot,
    /// Above the id of every transaction that drew a number up to those of the new rows; with such rows.
    next_id: Option<i64>,
    late: Vec<Moved>,
    new: Vec<Moved>,
    kept: Kept,
}

/// One row of the feed.
struct Moved {
    seq: i64,
    at: At,
    queue: QueueId,
    state: State,
    jobs: Vec<i64>,
}

impl Moved {
    fn changes(self) -> impl Iterator<Item = Change> {
        let (number, At(at), queue, state) = (self.seq, self.at, self.queue, self.state);
        self.jobs.into_iter().map(move |job| Change {
            number,
            job: JobId(job),
            queue,
            state,
            at,
        })
    }
}

/// What was taken away so far.
#[derive(Default)]
struct Kept {
    cleared: i64,
    seq: i64,
    xid: i64,
    drawn: i64,
}

impl Kept {
    /// Whether something was taken away that such a reader was to be told, as far as can be told: a
    /// transaction of those that it waits for may have written what went. Or the reader is ahead of the
    /// feed: a backup was restored.
    fn is_cut(&self, after: &ChangeCursor) -> bool {
        let late = after.late.iter().flat_map(|late| &late.of);
        let waits_for_gone = || {
            after
                .open
                .iter()
                .chain(late)
                .any(|ids| ids.first <= self.xid)
        };
        let is_behind = || after.seen < self.seq || waits_for_gone();
        after.seen > self.drawn || after.cleared != self.cleared && is_behind()
    }
}

impl Found {
    fn read(verb: &'static str, rows: &[Row]) -> StoreResult<Self> {
        let (mut late, mut new) = (Vec::new(), Vec::new());
        let (mut seen, mut kept) = (None, None);
        for row in rows {
            match column::<i32>(verb, row, "kind")? {
                0 => seen = Some((snapshot(verb, row)?, column(verb, row, "next_id")?)),
                1 => late.push(moved(verb, row)?),
                2 => new.push(moved(verb, row)?),
                _ => {
                    kept = Some(Kept {
                        cleared: column(verb, row, "cleared")?,
                        seq: column(verb, row, "cleared_seq")?,
                        xid: column(verb, row, "cleared_xid")?,
                        drawn: column(verb, row, "drawn")?,
                    });
                }
            }
        }
        let (Some((snapshot, next_id)), Some(kept)) = (seen, kept) else {
            return Err(StoreError::unexpected(verb, "the look told no snapshot"));
        };
        Ok(Self {
            snapshot,
            next_id,
            late,
            new,
            kept,
        })
    }

    /// The page, and the cursor behind it.
    fn page(self, after: &ChangeCursor, limit: usize) -> ChangePage {
        let Self {
            snapshot,
            next_id,
            mut late,
            mut new,
            kept,
        } = self;
        let (ended, open) = match &after.late {
            // As they were when the round began: others that ended since have a round of their own.
            Some(round) => (round.of.clone(), after.open.clone()),
            None => snapshot.split(&after.open),
        };
        // The look gives so many rows in all, and none that is new within a round.
        let mut is_all = after.late.is_none() && late.len() + new.len() < limit;
        let mut next = ChangeCursor {
            seen: after.seen,
            cleared: kept.cleared,
            open,
            late: None,
        };
        if late.len() > limit {
            // The look gave no new rows beside so many.
            late.truncate(limit);
            next.late = late.last().map(|row| LateRound {
                through: row.seq,
                of: ended,
            });
        }
        if let (Some(newest), Some(next_id)) = (new.last(), next_id) {
            let beyond = ChangeCursor {
                seen: newest.seq,
                open: snapshot.open_below(next_id),
                ..next.clone()
            };
            if beyond.is_bounded() {
                next = beyond;
            } else {
                // What is new waits until fewer are open at once, and is not lost.
                tracing::warn!(
                    open = beyond
                        .open
                        .iter()
                        .map(|ids: &IdRange| ids.count())
                        .sum::<u64>(),
                    "too many transactions are open at once: the feed of changes waits"
                );
                new.clear();
                is_all = false;
            }
        }
        let rows = late.into_iter().chain(new);
        ChangePage {
            changes: rows.flat_map(Moved::changes).collect(),
            next,
            is_cut: false,
            is_all,
        }
    }
}

fn snapshot(verb: &'static str, row: &Row) -> StoreResult<Snapshot> {
    let text: &str = column(verb, row, "snapshot")?;
    Snapshot::parse(text).map_err(|e| StoreError::unexpected(verb, e))
}

fn moved(verb: &'static str, row: &Row) -> StoreResult<Moved> {
    Ok(Moved {
        seq: column(verb, row, "seq")?,
        at: column(verb, row, "at")?,
        queue: QueueId(column(verb, row, "queue_id")?),
        state: rows::state(verb, row, "state")?,
        jobs: column(verb, row, "job_ids")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64) -> Moved {
        Moved {
            seq,
            at: At(longshore_core::Timestamp::UNIX_EPOCH),
            queue: QueueId(1),
            state: State::Queued,
            jobs: vec![seq],
        }
    }

    fn found(open: &[String]) -> Found {
        let snapshot = format!("1:100000:{}", open.join(","));
        Found {
            snapshot: Snapshot::parse(&snapshot).expect("a snapshot"),
            next_id: Some(100_000),
            late: vec![row(3)],
            new: vec![row(8), row(9)],
            kept: Kept::default(),
        }
    }

    fn told(page: &ChangePage) -> Vec<i64> {
        page.changes.iter().map(|change| change.job.0).collect()
    }

    #[test]
    fn while_more_is_open_than_a_cursor_can_hold_what_is_new_waits_and_what_came_late_does_not() {
        let apart = |count: usize| (1..=count).map(|nth| (nth * 2).to_string());
        let [some, many] = [ChangeCursor::MAX_RANGES, ChangeCursor::MAX_RANGES + 1]
            .map(|count| found(&apart(count).collect::<Vec<_>>()));
        let after = ChangeCursor {
            seen: 7,
            open: vec![IdRange { first: 1, last: 2 }],
            ..ChangeCursor::default()
        };
        let page = some.page(&after, 10);
        assert_eq!((told(&page), page.next.seen), (vec![3, 8, 9], 9));
        assert!(page.is_all);
        let page = many.page(&after, 10);
        assert_eq!((told(&page), page.next.seen), (vec![3], 7));
        assert!(!page.is_all, "what is new is left");
        assert_eq!(page.next.open, [IdRange { first: 2, last: 2 }]);
    }
}
