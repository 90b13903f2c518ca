//! Pages of an attempt's stored output.

use longshore_core::output::Stream;
use longshore_core::spec::FieldError;
use longshore_core::store::{OutputCursor, OutputPage, OutputRequest, StoreError, StoredOutput};
use longshore_core::{AttemptNumber, JobId, Token};
use rusqlite::{Row, named_params};

use crate::error::Outcome;
use crate::places::{self, Place};
use crate::rows::{Micros, count};
use crate::sql;
use crate::tx::Tx;

pub(super) fn page(tx: &Tx<'_>, request: &OutputRequest) -> Outcome<OutputPage> {
    let place = places::find(tx, request.job)?;
    let state = place.state();
    let live = match &place {
        Place::Live { attempt, .. } => Some(AttemptNumber(*attempt)),
        Place::Ready(_) | Place::Scheduled { .. } | Place::Settled { .. } => None,
    };
    let Some(attempt) = which(tx, request, live)? else {
        let is_end = state.is_terminal();
        return Ok(OutputPage {
            attempt: None,
            chunks: Vec::new(),
            is_end,
            state,
        });
    };
    let (chunks, is_last) = chunks(tx, request, attempt)?;
    let is_end = is_last && live != Some(attempt);
    Ok(OutputPage {
        attempt: Some(attempt),
        chunks,
        is_end,
        state,
    })
}

/// The attempt that is asked for; none if the job never had one.
fn which(
    tx: &Tx<'_>,
    request: &OutputRequest,
    live: Option<AttemptNumber>,
) -> Outcome<Option<AttemptNumber>> {
    let job = request.job;
    let Some(asked_for) = request.attempt else {
        return match live {
            Some(live) => Ok(Some(live)),
            None => newest_ended(tx, job),
        };
    };
    let params = named_params! { ":job": job.0, ":attempt": asked_for.0 };
    if live == Some(asked_for) || tx.one(sql!("read_output_attempt"), params, |row| row.get(0))? {
        return Ok(Some(asked_for));
    }
    let problem = match live.or(newest_ended(tx, job)?) {
        Some(newest) => format!("job {job} has no attempt {asked_for}; its newest is {newest}"),
        None => format!("job {job} has had no attempt yet"),
    };
    Err(StoreError::from(FieldError {
        field: "attempt".to_owned(),
        problem,
    })
    .into())
}

fn newest_ended(tx: &Tx<'_>, job: JobId) -> Outcome<Option<AttemptNumber>> {
    let params = named_params! { ":job": job.0 };
    let newest: Option<i32> =
        tx.one(sql!("read_output_newest_attempt"), params, |row| row.get(0))?;
    Ok(newest.map(AttemptNumber))
}

/// Chunks up to the one that reaches the page's size, and whether no other follows them.
fn chunks(
    tx: &Tx<'_>,
    request: &OutputRequest,
    attempt: AttemptNumber,
) -> Outcome<(Vec<StoredOutput>, bool)> {
    let after = request.after.unwrap_or(OutputCursor {
        token: Token(0),
        seq: -1,
    });
    let mut statement = tx.prepare(sql!("read_output"))?;
    let mut rows = statement.query(named_params! {
        ":job": request.job.0,
        ":attempt": attempt.0,
        ":token": after.token.0,
        ":seq": after.seq,
    })?;
    let mut chunks: Vec<StoredOutput> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        if bytes >= request.max_bytes as usize && !chunks.is_empty() {
            return Ok((chunks, false));
        }
        let chunk = chunk(row)?;
        bytes += chunk.bytes.len();
        chunks.push(chunk);
    }
    Ok((chunks, true))
}

fn chunk(row: &Row<'_>) -> rusqlite::Result<StoredOutput> {
    let stream = if row.get::<_, i16>("stream")? == Stream::Stderr.number() {
        Stream::Stderr
    } else {
        Stream::Stdout
    };
    Ok(StoredOutput {
        cursor: OutputCursor {
            token: Token(row.get("token")?),
            seq: row.get("seq")?,
        },
        stream,
        position: count(row.get("position")?),
        bytes: row.get("bytes")?,
        at: row.get::<_, Micros>("at")?.time(),
    })
}
