//! Taking away what ended long ago, one bounded batch at a time.

use longshore_core::store::{Pruned, Retention};
use rusqlite::{ToSql, named_params};

use crate::error::Outcome;
use crate::rows::count;
use crate::sql;
use crate::tx::Tx;

/// Parts of output that one pass takes away at most (and those of one job more): freeing them is
/// what takes time.
const MAX_CHUNKS: usize = 20_000;

pub(super) fn pass(tx: &Tx<'_>, retention: Retention) -> Outcome<Pruned> {
    let params = named_params! {
        ":before": tx.now.minus(retention.keep),
        ":batch": retention.batch,
    };
    let candidates = tx.all(sql!("prune_candidates"), params, |row| row.get::<_, i64>(0))?;
    let mut pruned = Pruned::default();
    let mut chunks = 0;
    for job in candidates {
        if chunks > MAX_CHUNKS {
            break;
        }
        let of_job: &[(&str, &dyn ToSql)] = &[(":job", &job)];
        chunks += tx.execute(sql!("prune_output"), of_job)?;
        let attempts = tx.execute(sql!("prune_attempts"), of_job)?;
        tx.execute(sql!("prune_labels"), of_job)?;
        tx.execute(sql!("drop_deadline"), of_job)?;
        tx.execute_one(sql!("take_settled"), of_job)?;
        tx.execute(sql!("prune_job"), of_job)?;
        pruned.jobs += 1;
        pruned.attempts += count(i64::try_from(attempts).unwrap_or(i64::MAX));
    }
    Ok(pruned)
}
