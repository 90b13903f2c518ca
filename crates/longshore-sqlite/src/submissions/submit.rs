//! Submitting: all of a call, or nothing.

use std::collections::HashMap;

use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::spec::Timeout;
use longshore_core::store::{NewJob, StoreError, Submitted};
use longshore_core::waiting::Reason;
use longshore_core::{JobId, JobSpec, QueueId};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::places::{self, Waiting};
use crate::rows::{Micros, read_spec};
use crate::tx::Tx;
use crate::{registry, sql};

/// A job in the shape of its columns.
pub(super) struct Prepared {
    /// Without its idempotency key, which has a column of its own.
    spec: JobSpec,
    json: String,
    key: Option<String>,
    is_held: bool,
}

impl Prepared {
    pub(super) fn new(job: &NewJob) -> Outcome<Self> {
        let mut spec = job.spec().clone();
        let key = spec.idempotency_key.take();
        let json = crate::rows::json(&spec)?;
        Ok(Self {
            spec,
            json,
            key,
            is_held: job.is_held(),
        })
    }
}

pub(super) fn submit(tx: &Tx<'_>, jobs: &[Prepared]) -> Outcome<Vec<Submitted>> {
    let mut queues: HashMap<&str, QueueId> = HashMap::new();
    let mut submitted = Vec::with_capacity(jobs.len());
    let mut fresh = Vec::new();
    // Ids are drawn for all; those of jobs that were there already are left out.
    let count = i64::try_from(jobs.len()).expect("a batch fits");
    let params = named_params! { ":count": count };
    let last: i64 = tx.one(sql!("submit_draw_ids"), params, |row| row.get(0))?;
    let first = last - count + 1;
    for (id, job) in (first..).map(JobId).zip(jobs) {
        if let Some(earlier) = same_job(tx, job)? {
            submitted.push(Submitted {
                job: earlier,
                is_new: false,
            });
            continue;
        }
        let name = job.spec.queue_name();
        let queue = match queues.get(name) {
            Some(queue) => *queue,
            None => *queues
                .entry(name)
                .or_insert(registry::find_queue(tx, name)?.id),
        };
        insert_job(tx, id, queue, job)?;
        fresh.push((id, queue, job));
        submitted.push(Submitted {
            job: id,
            is_new: true,
        });
    }
    let seqs = places::draw_seqs(tx, fresh.len())?;
    for (seq, (id, queue, job)) in (seqs..).zip(fresh) {
        place_new(tx, id, queue, job, seq)?;
    }
    Ok(submitted)
}

/// The job that has this job's key already, if any; an error if it is another job's.
fn same_job(tx: &Tx<'_>, job: &Prepared) -> Outcome<Option<JobId>> {
    let Some(key) = &job.key else { return Ok(None) };
    let found = tx.maybe(
        sql!("submit_by_key"),
        named_params! { ":key": key },
        |row| Ok((JobId(row.get("id")?), row.get::<_, String>("spec")?)),
    )?;
    let Some((id, stored)) = found else {
        return Ok(None);
    };
    // Compared as values: the text may have been written by another version.
    if stored == job.json || read_spec(&stored, None).is_ok_and(|stored| stored == job.spec) {
        return Ok(Some(id));
    }
    Err(StoreError::IdempotencyKeyReused {
        key: key.clone(),
        job: id,
    }
    .into())
}

fn insert_job(tx: &Tx<'_>, id: JobId, queue: QueueId, job: &Prepared) -> Outcome<()> {
    tx.execute_one(
        sql!("submit_job"),
        named_params! {
            ":id": id.0,
            ":now": tx.now,
            ":queue": queue.0,
            ":priority": job.spec.priority.get(),
            ":key": job.key,
            ":spec": job.json,
        },
    )?;
    for (key, value) in &job.spec.labels {
        let params = named_params! { ":key": key, ":value": value, ":job": id.0 };
        tx.execute_one(sql!("submit_label"), params)?;
    }
    Ok(())
}

/// Puts a new job into its line, or aside until it is due or queued by a person.
fn place_new(tx: &Tx<'_>, id: JobId, queue: QueueId, job: &Prepared, seq: i64) -> Outcome<()> {
    let waiting = |reason| Waiting {
        job: id,
        queue,
        lane: Lane::joining(job.spec.priority),
        attempt: 0,
        spent: Spent::default(),
        reason,
    };
    if job.is_held {
        return places::put_aside(tx, &waiting(Reason::Pending), Micros::INFINITY);
    }
    let due_at = due_later(tx, &job.spec);
    match due_at {
        Some(due_at) => places::put_aside(tx, &waiting(Reason::Delayed), due_at)?,
        None => places::join_line_at(tx, &waiting(Reason::New), seq)?,
    }
    match job.spec.queue_timeout.and_then(Timeout::limit) {
        Some(limit) => places::put_deadline(tx, id, due_at.unwrap_or(tx.now).plus(limit)),
        None => Ok(()),
    }
}

/// When a job is due, if that is still to come.
pub(super) fn due_later(tx: &Tx<'_>, spec: &JobSpec) -> Option<Micros> {
    spec.scheduled_for
        .map(Micros::not_before)
        .filter(|due_at| *due_at > tx.now)
}
