//! One job as a list shows it.

use longshore_core::priority::Lane;
use longshore_core::store::JobSummary;
use longshore_core::{JobId, JobSpec, Priority};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::places::{self, Place};
use crate::rows::{Micros, read_spec};
use crate::sql;
use crate::tx::Tx;

/// What a job's row says, beside its summary.
pub(super) struct Body {
    pub(super) place: Place,
    /// What was asked for, or why that can't be read.
    pub(super) spec: Result<JobSpec, String>,
}

struct LastAttempt {
    started_at: Option<Micros>,
    exit_code: Option<i32>,
}

pub(super) fn of(tx: &Tx<'_>, job: JobId) -> Outcome<(JobSummary, Body)> {
    let place = places::find(tx, job)?;
    let last = last_attempt(tx, job)?;
    let params = named_params! { ":job": job.0 };
    let (created_at, priority, own_lane, queue, spec) =
        tx.one(sql!("show_job"), params, |row| {
            let json: String = row.get("spec")?;
            Ok((
                row.get::<_, Micros>("created_at")?,
                row.get::<_, i64>("priority")?,
                row.get::<_, Option<i16>>("own_lane")?.map(Lane),
                row.get::<_, String>("queue")?,
                read_spec(&json, row.get("idem_key")?),
            ))
        })?;
    // A spec that can't be read must not hide the jobs around it.
    let shown = spec.as_ref().cloned().unwrap_or_default();
    let summary = JobSummary {
        id: job,
        state: place.state(),
        queue,
        priority: priority_now(&place, own_lane, priority),
        name: shown.name,
        image: shown.image,
        command: shown.command,
        labels: shown.labels,
        attempts: place.attempts(),
        exit_code: match &place {
            Place::Settled { exit_code, .. } => *exit_code,
            Place::Ready(_) | Place::Scheduled { .. } | Place::Live { .. } => {
                last.as_ref().and_then(|last| last.exit_code)
            }
        },
        created_at: created_at.time(),
        due_at: match &place {
            Place::Scheduled { due_at, .. } if *due_at > tx.now => due_at.finite(),
            Place::Ready(_)
            | Place::Scheduled { .. }
            | Place::Live { .. }
            | Place::Settled { .. } => None,
        },
        started_at: match &place {
            Place::Live { started_at, .. } => *started_at,
            Place::Ready(_) | Place::Scheduled { .. } | Place::Settled { .. } => {
                last.and_then(|last| last.started_at)
            }
        }
        .map(Micros::time),
        ended_at: match &place {
            Place::Settled { at, .. } => Some(at.time()),
            Place::Ready(_) | Place::Scheduled { .. } | Place::Live { .. } => None,
        },
    };
    Ok((summary, Body { place, spec }))
}

/// A job's own priority: a waiting or live job's lane's, or its lane's before it moved up with age; else
/// the one that was asked for.
fn priority_now(place: &Place, own_lane: Option<Lane>, asked_for: i64) -> Priority {
    let of = |lane: Lane| own_lane.unwrap_or(lane).priority();
    match place {
        Place::Ready(waiting) | Place::Scheduled { waiting, .. } => of(waiting.lane),
        Place::Live { lane, .. } => of(*lane),
        Place::Settled { .. } => Priority::new(asked_for).unwrap_or_default(),
    }
}

fn last_attempt(tx: &Tx<'_>, job: JobId) -> Outcome<Option<LastAttempt>> {
    tx.maybe(
        sql!("show_job_last_attempt"),
        named_params! { ":job": job.0 },
        |row| {
            Ok(LastAttempt {
                started_at: row.get("started_at")?,
                exit_code: row.get("exit_code")?,
            })
        },
    )
}
