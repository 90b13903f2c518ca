//! One job in full, and the summary that lists show of each.

use longshore_core::attempt::{AttemptError, AttemptRecord, Exit, Outcome, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::host::Demand;
use longshore_core::priority::Lane;
use longshore_core::store::{AttemptView, JobDetail, JobSummary, StoreError, StoreResult};
use longshore_core::waiting::{Reason, WaitingFacts, WhyWaiting, explain};
use longshore_core::{AttemptNumber, HostId, JobId, JobSpec, Priority, State, Token, WorkerId};
use tokio_postgres::Row;

use crate::db::Db;
use crate::hosts;
use crate::rows::{self, column, converted, text_map};
use crate::timestamps::{At, Due};

const VERB: &str = "show the job";

/// Everything about one job.
pub(crate) async fn show(db: &Db, job: JobId) -> StoreResult<JobDetail> {
    let rows = db
        .rows(VERB, include_str!("../sql/show_job.sql"), &[&job.0])
        .await?;
    let first = rows.first().ok_or(StoreError::UnknownJob(job))?;
    // A spec never changes, so it needs no place in the one statement that shows a moment.
    let row = db
        .maybe(VERB, include_str!("../sql/spec_of.sql"), &[&vec![job.0]])
        .await?;
    let row = row.ok_or(StoreError::UnknownJob(job))?;
    let spec = rows::spec(column(VERB, &row, "spec")?, column(VERB, &row, "idem_key")?)
        .map_err(|e| StoreError::unexpected(VERB, e))?;
    let summary = summary(VERB, first)?;
    let mut attempts_made = Vec::new();
    for row in &rows {
        attempts_made.extend(attempt(row)?);
    }
    let facts = waiting_facts(db, first, &summary, &spec).await?;
    let why_waiting = match facts {
        Some((facts, now)) => Some(explain(&facts, now)),
        None => note(db, &summary).await?,
    };
    let cancel_requested = column(VERB, first, "cancel_requested")?;
    Ok(JobDetail {
        summary,
        spec,
        attempts_made,
        why_waiting,
        cancel_requested,
    })
}

/// What the launch of a job says of itself, if it takes long.
async fn note(db: &Db, summary: &JobSummary) -> StoreResult<Option<WhyWaiting>> {
    if summary.state != State::Launching {
        return Ok(None);
    }
    let sql = include_str!("../sql/show_job_note.sql");
    let Some(row) = db.maybe(VERB, sql, &[&summary.id.0]).await? else {
        return Ok(None);
    };
    let note: Option<String> = column(VERB, &row, "note")?;
    Ok(note.map(|note| WhyWaiting::Launching { note }))
}

/// A job in a list.
pub(crate) fn summary(verb: &'static str, row: &Row) -> StoreResult<JobSummary> {
    let submitted: i16 = column(verb, row, "submitted_priority")?;
    let priority = match column::<Option<i16>>(verb, row, "lane")? {
        Some(lane) => Lane(lane).priority(),
        None => Priority::new(submitted.into()).map_err(|e| StoreError::unexpected(verb, e))?,
    };
    let At(created_at) = column(verb, row, "created_at")?;
    Ok(JobSummary {
        id: JobId(column(verb, row, "id")?),
        state: rows::state(verb, row, "state")?,
        queue: column(verb, row, "queue")?,
        priority,
        name: column(verb, row, "name")?,
        image: column(verb, row, "image")?,
        command: column(verb, row, "command")?,
        labels: text_map(verb, row, "labels")?,
        attempts: column(verb, row, "attempts")?,
        exit_code: column(verb, row, "exit_code")?,
        created_at,
        due_at: moment(verb, row, "due_at")?,
        started_at: moment(verb, row, "started_at")?,
        ended_at: moment(verb, row, "ended_at")?,
    })
}

/// A moment that may be missing, or never come.
fn moment(verb: &'static str, row: &Row, name: &str) -> StoreResult<Option<jiff::Timestamp>> {
    let moment: Option<Due> = column(verb, row, name)?;
    Ok(moment.and_then(|Due(moment)| moment))
}

/// The attempt of a row of `show_job.sql`; none if the job never had one.
fn attempt(row: &Row) -> StoreResult<Option<AttemptView>> {
    let Some(number) = column::<Option<i32>>(VERB, row, "attempt")? else {
        return Ok(None);
    };
    let At(claimed_at) = column(VERB, row, "claimed_at")?;
    let host: Option<i64> = column(VERB, row, "host_id")?;
    Ok(Some(AttemptView {
        attempt: AttemptNumber(number),
        token: Token(column(VERB, row, "token")?),
        worker: WorkerId(column(VERB, row, "worker_id")?),
        host: host.map(HostId),
        handle: column(VERB, row, "handle")?,
        claimed_at,
        started_at: moment(VERB, row, "attempt_started_at")?,
        ended_at: moment(VERB, row, "attempt_ended_at")?,
        record: record(row)?,
    }))
}

/// What was recorded at an attempt's end; none while it is live.
fn record(row: &Row) -> StoreResult<Option<AttemptRecord>> {
    let Some(outcome) = column::<Option<&str>>(VERB, row, "outcome")? else {
        return Ok(None);
    };
    // The names of core's enums in SQL are those in JSON.
    let unknown = |e| StoreError::unexpected(VERB, e);
    let outcome: Outcome = serde_json::from_value(outcome.into()).map_err(unknown)?;
    let exit = Exit {
        code: column(VERB, row, "attempt_exit_code")?,
        signal: column::<Option<i16>>(VERB, row, "signal")?.map(i32::from),
        oom_killed: column(VERB, row, "oom_killed")?,
    };
    let text: Option<String> = column(VERB, row, "error_text")?;
    let class: Option<&str> = column(VERB, row, "error_class")?;
    let class: Option<ErrorClass> = class
        .map(|class| serde_json::from_value(class.into()))
        .transpose()
        .map_err(unknown)?;
    let error = match (class, text) {
        (Some(class), Some(text)) => Some(AttemptError { class, text }),
        (None, _) | (_, None) => None,
    };
    let versions: Option<&str> = column(VERB, row, "template_versions")?;
    Ok(Some(AttemptRecord {
        outcome,
        exit: (exit != Exit::default()).then_some(exit),
        started: moment(VERB, row, "attempt_started_at")?.is_some(),
        error,
        usage: Usage {
            cpu_micros: count(row, "cpu_micros")?,
            peak_memory_bytes: count(row, "peak_memory_bytes")?,
        },
        template_versions: versions
            .map_or_else(
                || Ok(std::collections::BTreeMap::new()),
                serde_json::from_str,
            )
            .map_err(|e| StoreError::unexpected(VERB, e))?,
        omitted_bytes: [
            count(row, "omitted_stdout_bytes")?.unwrap_or(0),
            count(row, "omitted_stderr_bytes")?.unwrap_or(0),
        ],
    }))
}

fn count(row: &Row, name: &str) -> StoreResult<Option<u64>> {
    let number: Option<i64> = column(VERB, row, name)?;
    number
        .map(u64::try_from)
        .transpose()
        .map_err(|e| StoreError::unexpected(VERB, e))
}

/// What is known about a waiting job, and the database's time; none if it does not wait.
async fn waiting_facts(
    db: &Db,
    row: &Row,
    summary: &JobSummary,
    spec: &JobSpec,
) -> StoreResult<Option<(WaitingFacts, jiff::Timestamp)>> {
    let Some(reason) = column::<Option<&str>>(VERB, row, "reason")? else {
        return Ok(None);
    };
    let reason = Reason::from_name(reason)
        .ok_or_else(|| StoreError::unexpected(VERB, format!("reason {reason:?}")))?;
    let queue: i32 = column(VERB, row, "queue_id")?;
    let facts = db
        .one(VERB, include_str!("../sql/show_job_waiting.sql"), &[&queue])
        .await?;
    let on = db
        .rows(VERB, include_str!("../sql/show_job_hosts.sql"), &[&queue])
        .await?;
    let limit: Option<i32> = column(VERB, &facts, "max_concurrent")?;
    let live_jobs: Vec<i64> = column(VERB, &facts, "live_jobs")?;
    let At(now) = column(VERB, &facts, "now")?;
    let facts = WaitingFacts {
        reason,
        due_at: summary.due_at,
        is_pending: summary.state == State::Pending,
        tries: converted::<i16, u16>(VERB, row, "tries")?,
        retries_allowed: spec.retries_allowed(),
        queue: summary.queue.clone(),
        paused: column(VERB, &facts, "paused")?,
        max_concurrent: limit
            .map(rows::limit_from)
            .transpose()
            .map_err(|e| StoreError::unexpected(VERB, e))?,
        live: converted::<i64, u32>(VERB, &facts, "live")?,
        live_jobs: live_jobs.into_iter().map(JobId).collect(),
        workers: converted::<i64, u32>(VERB, &facts, "workers")?,
        workers_draining: converted::<i64, u32>(VERB, &facts, "workers_draining")?,
        worker_capacity: converted::<i64, u32>(VERB, &facts, "worker_capacity")?,
        worker_live: converted::<i64, u32>(VERB, &facts, "worker_live")?,
        host_selector: text_map(VERB, &facts, "host_selector")?,
        hosts: on
            .iter()
            .map(|row| hosts::host(VERB, row))
            .collect::<StoreResult<_>>()?,
        demand: Demand::of(spec),
    };
    Ok(Some((facts, now)))
}
