//! Taking away what ended long ago, one bounded batch at a time.

use std::time::Duration;

use longshore_core::queue::Count;
use longshore_core::store::{Pruned, Retention};
use rusqlite::{ToSql, named_params};

use crate::error::Outcome;
use crate::rows::count;
use crate::sql;
use crate::tx::Tx;

/// Parts of output that one pass takes away at most. Freeing them is what takes time, under the
/// write lock: workers store parts of 64 KiB, so these are about 32 MiB.
const MAX_CHUNKS: usize = 500;

pub(super) fn pass(tx: &Tx<'_>, retention: Retention) -> Outcome<Pruned> {
    let params = named_params! {
        ":before": tx.now.minus(retention.keep),
        ":batch": retention.batch,
    };
    let candidates = tx.all(sql!("prune_candidates"), params, |row| row.get::<_, i64>(0))?;
    let mut pruned = Pruned {
        more: candidates.len() >= retention.batch as usize,
        ..Pruned::default()
    };
    let mut chunks_left = MAX_CHUNKS;
    for job in candidates {
        let limit = i64::try_from(chunks_left).expect("a small bound");
        let params = named_params! { ":job": job, ":limit": limit };
        chunks_left -= tx.execute(sql!("prune_output"), params)?;
        if chunks_left == 0 {
            // There may be more output of this job: the next pass goes on with it.
            pruned.more = true;
            break;
        }
        let of_job: &[(&str, &dyn ToSql)] = &[(":job", &job)];
        let attempts = tx.execute(sql!("prune_attempts"), of_job)?;
        tx.execute(sql!("prune_usage"), of_job)?;
        tx.execute(sql!("prune_labels"), of_job)?;
        tx.execute(sql!("place_drop_deadline"), of_job)?;
        tx.execute(sql!("place_forget_age"), of_job)?;
        tx.execute_one(sql!("place_take_settled"), of_job)?;
        tx.execute(sql!("prune_job"), of_job)?;
        pruned.jobs += 1;
        pruned.attempts += count(i64::try_from(attempts).unwrap_or(i64::MAX));
    }
    Ok(pruned)
}

pub(super) fn prunable(tx: &Tx<'_>, keep: Duration) -> Outcome<Count> {
    let params = named_params! {
        ":before": tx.now.minus(keep),
        ":cap": i64::try_from(Count::CAP).unwrap_or(i64::MAX),
    };
    let jobs = tx.one(sql!("prunable"), params, |row| row.get(0))?;
    Ok(Count(count(jobs)))
}
