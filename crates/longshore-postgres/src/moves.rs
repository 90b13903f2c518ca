//! Moves of one job between its places, asked for by people.
//!
//! Each place has a statement of its own, guarded by what the move needs to find there. A job may
//! change its place between two of them, so where none found it, its state is asked for: if the
//! state has no arrow for the move, that is the answer, and if it has, everything is looked at again.

use std::time::{Duration, SystemTime};

use longshore_core::priority::Lane;
use longshore_core::spec::Timeout;
use longshore_core::state::{Event, State, transition};
use longshore_core::store::{CancelOutcome, StoreError, StoreResult};
use longshore_core::{JobId, JobSpec, QueueId};
use tokio_postgres::types::ToSql;

use crate::db::Db;
use crate::{rows, timestamps};

/// How often all places are looked at: a job that moves as fast as we look was seen to need a second
/// look 26 times in 200 s, never a third.
const LOOKS: usize = 5;

/// What a person asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Queue,
    Dequeue,
    Reprioritise(Lane),
    RetryNow,
}

impl Move {
    fn verb(self) -> &'static str {
        match self {
            Self::Queue => "queue the job",
            Self::Dequeue => "take the job out of its queue",
            Self::Reprioritise(_) => "change the job's priority",
            Self::RetryNow => "retry the job",
        }
    }

    /// The event that a state must have an arrow for.
    fn event(self) -> Event {
        match self {
            Self::Queue => Event::Queue,
            Self::Dequeue => Event::Dequeue,
            Self::Reprioritise(_) => Event::Reprioritise,
            Self::RetryNow => Event::RetryNow,
        }
    }
}

/// Moves a job; returns its queue.
pub(crate) async fn apply(db: &Db, job: JobId, wanted: Move) -> StoreResult<QueueId> {
    let verb = wanted.verb();
    // A spec never changes, so it can be read ahead of the move.
    let facts = match wanted {
        Move::Queue | Move::RetryNow => SpecFacts::read(verb, db, job).await?,
        Move::Dequeue | Move::Reprioritise(_) => SpecFacts::default(),
    };
    let SpecFacts {
        due_at,
        queue_timeout,
    } = &facts;
    for _ in 0..LOOKS {
        let found = match wanted {
            Move::Queue => {
                let sql = include_str!("../sql/queue_job.sql");
                first(verb, db, &[(sql, &[&job.0, due_at, queue_timeout])]).await?
            }
            Move::Dequeue => {
                let ready = include_str!("../sql/dequeue_job_ready.sql");
                let scheduled = include_str!("../sql/dequeue_job_scheduled.sql");
                first(verb, db, &[(ready, &[&job.0]), (scheduled, &[&job.0])]).await?
            }
            Move::Reprioritise(Lane(lane)) => {
                let ready = include_str!("../sql/reprioritise_ready.sql");
                let scheduled = include_str!("../sql/reprioritise_scheduled.sql");
                first(
                    verb,
                    db,
                    &[(ready, &[&job.0, &lane]), (scheduled, &[&job.0, &lane])],
                )
                .await?
            }
            Move::RetryNow => {
                let ready = include_str!("../sql/retry_job_ready.sql");
                let scheduled = include_str!("../sql/retry_job_scheduled.sql");
                let settled = include_str!("../sql/retry_job_settled.sql");
                let params: Statement<'_> = &[&job.0, queue_timeout];
                first(
                    verb,
                    db,
                    &[(ready, params), (scheduled, params), (settled, params)],
                )
                .await?
            }
        };
        if let Some(queue) = found {
            return Ok(queue);
        }
        let state = state_of(verb, db, job).await?;
        transition(state, wanted.event())
            .map_err(|illegal| StoreError::Illegal { job, illegal })?;
    }
    Err(too_lively(verb))
}

/// Cancels a waiting job, asks the worker of a live one, or says how it ended; and the queue, where
/// something changed.
pub(crate) async fn request_cancel(
    db: &Db,
    job: JobId,
) -> StoreResult<(CancelOutcome, Option<QueueId>)> {
    const VERB: &str = "cancel the job";
    let ready = include_str!("../sql/request_cancel_ready.sql");
    let scheduled = include_str!("../sql/request_cancel_scheduled.sql");
    let live = include_str!("../sql/request_cancel_live.sql");
    for _ in 0..LOOKS {
        let params: Statement<'_> = &[&job.0];
        let cancelled = first(VERB, db, &[(ready, params), (scheduled, params)]).await?;
        if cancelled.is_some() {
            return Ok((CancelOutcome::Cancelled, cancelled));
        }
        let asked = first(VERB, db, &[(live, params)]).await?;
        if asked.is_some() {
            return Ok((CancelOutcome::Requested, asked));
        }
        let state = state_of(VERB, db, job).await?;
        if state.is_terminal() {
            return Ok((CancelOutcome::AlreadyEnded(state), None));
        }
    }
    Err(too_lively(VERB))
}

type Statement<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Runs the statements until one of them found the job; returns its queue.
async fn first(
    verb: &'static str,
    db: &Db,
    statements: &[(&str, Statement<'_>)],
) -> StoreResult<Option<QueueId>> {
    for (sql, params) in statements {
        if let Some(row) = db.maybe(verb, sql, params).await? {
            return Ok(Some(QueueId(rows::column(verb, &row, "queue_id")?)));
        }
    }
    Ok(None)
}

async fn state_of(verb: &'static str, db: &Db, job: JobId) -> StoreResult<State> {
    let row = db
        .one(verb, include_str!("../sql/states.sql"), &[&vec![job.0]])
        .await?;
    let state: Option<&str> = rows::column(verb, &row, "state")?;
    match state {
        Some(_) => rows::state(verb, &row, "state"),
        None => Err(StoreError::UnknownJob(job)),
    }
}

fn too_lively(verb: &'static str) -> StoreError {
    StoreError::Contended {
        verb,
        contention: longshore_core::store::Contention::LockTimeout,
        source: format!("the job changed its place during each of {LOOKS} looks").into(),
    }
}

/// What a move needs to know of a spec.
#[derive(Debug, Default)]
pub(crate) struct SpecFacts {
    pub due_at: Option<SystemTime>,
    /// In seconds.
    pub queue_timeout: Option<f64>,
}

impl SpecFacts {
    pub fn of(spec: &JobSpec) -> Self {
        let queue_timeout = spec.queue_timeout.and_then(Timeout::limit);
        Self {
            due_at: spec.scheduled_for.map(timestamps::parameter),
            queue_timeout: queue_timeout.as_ref().map(Duration::as_secs_f64),
        }
    }

    /// A spec that can't be read asks for nothing: its job fails when it is launched.
    async fn read(verb: &'static str, db: &Db, job: JobId) -> StoreResult<Self> {
        let row = db
            .maybe(verb, include_str!("../sql/spec_of.sql"), &[&vec![job.0]])
            .await?;
        let row = row.ok_or(StoreError::UnknownJob(job))?;
        let spec = rows::spec(rows::column(verb, &row, "spec")?, None);
        Ok(spec.as_ref().map_or_else(|_| Self::default(), Self::of))
    }
}
