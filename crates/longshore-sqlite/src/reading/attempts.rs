//! The attempts of a job, ended and live.

use longshore_core::attempt::{AttemptError, AttemptRecord, Exit, Usage};
use longshore_core::store::AttemptView;
use longshore_core::{AttemptNumber, HostId, JobId, Token, WorkerId};
use rusqlite::{Row, named_params};

use crate::error::Outcome;
use crate::rows::{ClassColumn, Json, Micros, OutcomeColumn, count};
use crate::sql;
use crate::tx::Tx;

/// Every attempt, first to last, the live one included.
pub(super) fn of(tx: &Tx<'_>, job: JobId) -> Outcome<Vec<AttemptView>> {
    let mut attempts = tx.all(
        sql!("show_job_attempts"),
        named_params! { ":job": job.0 },
        |row| {
            let ended_at: Micros = row.get("ended_at")?;
            let view = live(row)?;
            Ok(AttemptView {
                ended_at: Some(ended_at.time()),
                record: Some(record(row)?),
                ..view
            })
        },
    )?;
    attempts.extend(tx.maybe(
        sql!("show_job_live_attempt"),
        named_params! { ":job": job.0 },
        live,
    )?);
    Ok(attempts)
}

/// What a lease and an ended attempt have in common.
fn live(row: &Row<'_>) -> rusqlite::Result<AttemptView> {
    Ok(AttemptView {
        attempt: AttemptNumber(row.get("attempt")?),
        token: Token(row.get("token")?),
        worker: WorkerId(row.get("worker_id")?),
        host: row.get::<_, Option<i64>>("host_id")?.map(HostId),
        handle: row.get("handle")?,
        claimed_at: row.get::<_, Micros>("claimed_at")?.time(),
        started_at: row
            .get::<_, Option<Micros>>("started_at")?
            .map(Micros::time),
        ended_at: None,
        record: None,
    })
}

fn record(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    let oom_killed: Option<bool> = row.get("oom_killed")?;
    let exit = match oom_killed {
        Some(oom_killed) => Some(Exit {
            code: row.get("exit_code")?,
            signal: row.get("signal")?,
            oom_killed,
        }),
        None => None,
    };
    let class: Option<ClassColumn> = row.get("error_class")?;
    let text: Option<String> = row.get("error_text")?;
    let number = |column: &str| row.get::<_, Option<i64>>(column).map(|n| n.map(count));
    Ok(AttemptRecord {
        outcome: row.get::<_, OutcomeColumn>("outcome")?.0,
        exit,
        started: row.get::<_, Option<Micros>>("started_at")?.is_some(),
        error: class.zip(text).map(|(class, text)| AttemptError {
            class: class.0,
            text,
        }),
        usage: Usage {
            cpu_micros: number("cpu_micros")?,
            peak_memory_bytes: number("peak_memory_bytes")?,
        },
        template_versions: row
            .get::<_, Option<Json<_>>>("template_versions")?
            .map(|versions| versions.0)
            .unwrap_or_default(),
        omitted_bytes: [
            number("omitted_stdout_bytes")?.unwrap_or(0),
            number("omitted_stderr_bytes")?.unwrap_or(0),
        ],
    })
}
