//! What containers wrote: stored under a lease, read page by page.

use longshore_core::output::Stream;
use longshore_core::spec::FieldError;
use longshore_core::store::{
    LeaseStatus, OutputAppend, OutputCursor, OutputPage, OutputRequest, StoreError, StoreResult,
    StoredOutput,
};
use longshore_core::{AttemptNumber, JobId, Token};
use tokio_postgres::Row;

use crate::db::Db;
use crate::rows::{column, converted, held, state, storable};
use crate::timestamps::{At, parameter};

/// Stores output; the answers are in the order of the appends.
pub(crate) async fn append(db: &Db, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
    const VERB: &str = "store output";
    if appends.is_empty() {
        return Ok(Vec::new());
    }
    let of = |part: fn(&OutputAppend) -> i64| appends.iter().map(part).collect::<Vec<i64>>();
    let jobs = of(|append| append.lease.job.0);
    let tokens = of(|append| append.lease.token.0);
    let positions = of(|append| i64::try_from(append.output.position).unwrap_or(i64::MAX));
    let attempts: Vec<i32> = appends
        .iter()
        .map(|append| append.lease.attempt.0)
        .collect();
    let seqs: Vec<i32> = appends.iter().map(|append| append.seq).collect();
    let streams: Vec<i16> = appends
        .iter()
        .map(|append| append.output.stream.number())
        .collect();
    let bytes: Vec<&[u8]> = appends
        .iter()
        .map(|append| &append.output.bytes[..])
        .collect();
    let resumes: Vec<Option<String>> = appends
        .iter()
        .map(|append| append.resume.as_ref().map(|at| storable(&at.0)))
        .collect();
    let rows = db
        .rows(
            VERB,
            longshore_fault::edited!(
                "postgres/append_output",
                include_str!("../sql/append_output.sql")
            ),
            &[
                &jobs, &attempts, &tokens, &seqs, &streams, &positions, &bytes, &resumes,
            ],
        )
        .await?;
    let mut statuses = vec![LeaseStatus::Lost; appends.len()];
    for row in &rows {
        let place: usize = converted::<i64, usize>(VERB, row, "place")?;
        let status = held(column(VERB, row, "cancel_requested")?);
        if let Some(slot) = place
            .checked_sub(1)
            .and_then(|index| statuses.get_mut(index))
        {
            *slot = status;
        }
    }
    Ok(statuses)
}

/// A page of an attempt's output.
pub(crate) async fn read(db: &Db, request: OutputRequest) -> StoreResult<OutputPage> {
    const VERB: &str = "read output";
    let OutputRequest {
        job,
        attempt,
        after,
        max_bytes,
    } = request;
    let attempt = attempt.map(|attempt| attempt.0);
    // First where the attempt stands, then its output: what a live attempt stores in between is
    // part of the page, and an attempt that had ended stores nothing more.
    let row = db
        .maybe(
            VERB,
            include_str!("../sql/read_output_attempt.sql"),
            &[&job.0, &attempt],
        )
        .await?;
    let row = row.ok_or(StoreError::UnknownJob(job))?;
    let state = state(VERB, &row, "state")?;
    let number: Option<i32> = column(VERB, &row, "attempt")?;
    let Some(number) = number else {
        if let Some(asked_for) = attempt {
            return Err(no_attempt(db, job, asked_for).await?);
        }
        let is_end = state.is_terminal();
        return Ok(OutputPage {
            attempt: None,
            chunks: Vec::new(),
            is_end,
            state,
        });
    };
    let At(claimed_at) = column(VERB, &row, "claimed_at")?;
    let is_live: bool = column(VERB, &row, "is_live")?;
    let OutputCursor { token, seq } = after.unwrap_or(OutputCursor {
        token: Token(0),
        seq: -1,
    });
    // At least the first chunk, so that whoever pages gets on.
    let max_bytes = i64::from(max_bytes.max(1));
    let sql = include_str!("../sql/read_output.sql");
    let claimed_at = parameter(claimed_at);
    let rows = db
        .rows(
            VERB,
            sql,
            &[&job.0, &number, &claimed_at, &token.0, &seq, &max_bytes],
        )
        .await?;
    let chunks = rows
        .iter()
        .map(|row| chunk(VERB, row))
        .collect::<StoreResult<Vec<_>>>()?;
    let is_last = match rows.last() {
        Some(last) => !column::<bool>(VERB, last, "is_followed")?,
        None => true,
    };
    Ok(OutputPage {
        attempt: Some(AttemptNumber(number)),
        chunks,
        is_end: !is_live && is_last,
        state,
    })
}

/// The error of asking for an attempt that a job never had.
async fn no_attempt(db: &Db, job: JobId, asked_for: i32) -> StoreResult<StoreError> {
    const VERB: &str = "read output";
    let sql = include_str!("../sql/read_output_attempt.sql");
    let row = db.maybe(VERB, sql, &[&job.0, &None::<i32>]).await?;
    let row = row.ok_or(StoreError::UnknownJob(job))?;
    let newest: Option<i32> = column(VERB, &row, "attempt")?;
    let problem = match newest {
        Some(newest) => format!("job {job} has no attempt {asked_for}; its newest is {newest}"),
        None => format!("job {job} has had no attempt yet"),
    };
    let field = "attempt".to_owned();
    Ok(StoreError::Invalid(FieldError { field, problem }))
}

fn chunk(verb: &'static str, row: &Row) -> StoreResult<StoredOutput> {
    let stream: i16 = column(verb, row, "stream")?;
    let At(at) = column(verb, row, "stored_at")?;
    Ok(StoredOutput {
        cursor: OutputCursor {
            token: Token(column(verb, row, "token")?),
            seq: column(verb, row, "seq")?,
        },
        stream: Stream::from_number(stream)
            .ok_or_else(|| StoreError::unexpected(verb, format!("stream {stream}")))?,
        position: converted::<i64, u64>(verb, row, "position")?,
        bytes: column(verb, row, "bytes")?,
        at,
    })
}
