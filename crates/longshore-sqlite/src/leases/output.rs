//! Storing output: all that a lease's holder sends, or nothing of it.

use std::collections::HashMap;

use longshore_core::store::{LeaseKey, LeaseStatus, OutputAppend};
use rusqlite::named_params;

use super::lease_status;
use crate::error::Outcome;
use crate::rows::column;
use crate::sql;
use crate::tx::Tx;

pub(super) fn append(tx: &Tx<'_>, appends: &[OutputAppend]) -> Outcome<Vec<LeaseStatus>> {
    let mut statuses: HashMap<LeaseKey, LeaseStatus> = HashMap::new();
    let mut answers = Vec::with_capacity(appends.len());
    for append in appends {
        let status = match statuses.get(&append.lease) {
            Some(status) => *status,
            None => *statuses
                .entry(append.lease)
                .or_insert(lease_status(tx, append.lease)?),
        };
        match status {
            LeaseStatus::Held | LeaseStatus::CancelRequested => store(tx, append)?,
            LeaseStatus::Lost => {}
        }
        answers.push(status);
    }
    Ok(answers)
}

/// Stores a part, unless its number was stored before.
fn store(tx: &Tx<'_>, append: &OutputAppend) -> Outcome<()> {
    tx.execute(
        sql!("append_output"),
        named_params! {
            ":job": append.lease.job.0,
            ":attempt": append.lease.attempt.0,
            ":token": append.lease.token.0,
            ":seq": append.seq,
            ":now": tx.now,
            ":position": column(append.output.position),
            ":stream": append.output.stream.number(),
            ":bytes": append.output.bytes,
            ":resume": append.resume.as_ref().map(|resume| &resume.0),
        },
    )?;
    Ok(())
}
