//! What people ask of jobs. Each verb finds the job's place, asks `longshore_core` whether the
//! state has that arrow, and moves the row, all in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::state::{Event, State, TerminalState};
use longshore_core::store::{
    CancelOutcome, NewJob, StoreError, StoreResult, Submissions, Submitted,
};
use longshore_core::waiting::Reason;
use longshore_core::{JobId, JobSpec, Priority, QueueId};
use rusqlite::named_params;

use crate::error::{Fault, Outcome};
use crate::places::{self, Ending, Place, Waiting};
use crate::registry;
use crate::rows::{Micros, read_spec};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

#[async_trait]
impl Submissions for SqliteStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let verb = "submit";
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        // Written out before the writer is asked, which has more to do than to make JSON.
        let jobs = jobs.iter().map(Prepared::new).collect::<Outcome<Vec<_>>>();
        let jobs = jobs.map_err(|fault| fault.of(verb))?;
        self.engine
            .write(verb, News::Yes, move |tx| submit(tx, &jobs))
            .await
    }

    async fn queue_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("queue a job", News::Yes, move |tx| queue_job(tx, job))
            .await
    }

    async fn dequeue_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("dequeue a job", News::Yes, move |tx| dequeue_job(tx, job))
            .await
    }

    async fn reprioritise(&self, job: JobId, priority: Priority) -> StoreResult<()> {
        let verb = "change a priority";
        self.engine
            .write(verb, News::Yes, move |tx| reprioritise(tx, job, priority))
            .await
    }

    async fn request_cancel(&self, job: JobId) -> StoreResult<CancelOutcome> {
        self.engine
            .write("cancel a job", News::Yes, move |tx| request_cancel(tx, job))
            .await
    }

    async fn retry_job(&self, job: JobId) -> StoreResult<()> {
        self.engine
            .write("retry a job", News::Yes, move |tx| retry_job(tx, job))
            .await
    }
}

/// A job in the shape of its columns.
struct Prepared {
    /// Without its idempotency key, which has a column of its own.
    spec: JobSpec,
    json: String,
    key: Option<String>,
    is_held: bool,
}

impl Prepared {
    fn new(job: &NewJob) -> Outcome<Self> {
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

fn submit(tx: &Tx<'_>, jobs: &[Prepared]) -> Outcome<Vec<Submitted>> {
    let mut queues: HashMap<&str, QueueId> = HashMap::new();
    let mut submitted = Vec::with_capacity(jobs.len());
    let mut fresh = Vec::new();
    // Ids are drawn for all; those of jobs that were there already are left out.
    let count = i64::try_from(jobs.len()).expect("a batch fits");
    let params = named_params! { ":count": count };
    let last: i64 = tx.one(sql!("draw_job_ids"), params, |row| row.get(0))?;
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
    match job
        .spec
        .queue_timeout
        .and_then(longshore_core::spec::Timeout::limit)
    {
        Some(limit) => places::put_deadline(tx, id, due_at.unwrap_or(tx.now).plus(limit)),
        None => Ok(()),
    }
}

/// When a job is due, if that is still to come.
fn due_later(tx: &Tx<'_>, spec: &JobSpec) -> Option<Micros> {
    spec.scheduled_for
        .map(Micros::not_before)
        .filter(|due_at| *due_at > tx.now)
}

fn queue_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::Queue)?;
    let waiting = take(tx, &place)?;
    let waiting = Waiting {
        reason: Reason::Released,
        ..waiting
    };
    let spec = spec_of(tx, job)?;
    let due_at = spec.as_ref().and_then(|spec| due_later(tx, spec));
    match due_at {
        Some(due_at) => places::put_aside(tx, &waiting, due_at)?,
        None => places::join_line(tx, &waiting)?,
    }
    places::bound_waiting(tx, job, due_at.unwrap_or(tx.now))
}

fn dequeue_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    let queued = match place.state() {
        // Two arrows in one: the retry is called off, and the job leaves its queue.
        State::Retrying => places::step(job, State::Retrying, Event::RetryNow)?,
        other => other,
    };
    places::step(job, queued, Event::Dequeue)?;
    let waiting = take(tx, &place)?;
    places::put_aside(
        tx,
        &Waiting {
            reason: Reason::Held,
            ..waiting
        },
        Micros::INFINITY,
    )?;
    tx.execute(sql!("drop_deadline"), named_params! { ":job": job.0 })?;
    Ok(())
}

fn reprioritise(tx: &Tx<'_>, job: JobId, priority: Priority) -> Outcome<()> {
    let place = places::find(tx, job)?;
    let state = place.state();
    if !is_waiting(state) {
        // Joining another line is being queued anew, for which these states have no arrow.
        places::step(job, state, Event::Queue)?;
    }
    let waiting = take(tx, &place)?;
    let moved = Waiting {
        lane: Lane::joining(priority),
        ..waiting
    };
    match place {
        Place::Scheduled { due_at, .. } => places::put_aside(tx, &moved, due_at),
        Place::Ready(_) | Place::Live { .. } | Place::Settled { .. } => {
            places::join_line(tx, &moved)
        }
    }
}

fn request_cancel(tx: &Tx<'_>, job: JobId) -> Outcome<CancelOutcome> {
    let place = places::find(tx, job)?;
    let state = place.state();
    if state.is_terminal() {
        return Ok(CancelOutcome::AlreadyEnded(state));
    }
    places::step(job, state, Event::Cancel)?;
    let Some(waiting) = places::take_waiting(tx, &place)? else {
        let params = named_params! { ":job": job.0, ":now": tx.now };
        tx.execute_one(sql!("cancel_live"), params)?;
        return Ok(CancelOutcome::Requested);
    };
    let ending = Ending {
        job,
        queue: waiting.queue,
        attempt: waiting.attempt,
        exit_code: None,
        state: TerminalState::Cancelled,
    };
    places::settle(tx, &ending)?;
    tx.execute(sql!("drop_deadline"), named_params! { ":job": job.0 })?;
    Ok(CancelOutcome::Cancelled)
}

fn retry_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::RetryNow)?;
    let lane = match &place {
        Place::Ready(waiting) | Place::Scheduled { waiting, .. } => waiting.lane,
        Place::Live { lane, .. } => *lane,
        Place::Settled { .. } => Lane::joining(priority_of(tx, job)?),
    };
    let (queue, attempt) = match &place {
        Place::Settled { queue, attempt, .. } => {
            tx.execute_one(sql!("take_settled"), named_params! { ":job": job.0 })?;
            (*queue, *attempt)
        }
        Place::Ready(_) | Place::Scheduled { .. } | Place::Live { .. } => {
            let waiting = take(tx, &place)?;
            (waiting.queue, waiting.attempt)
        }
    };
    let lane = Lane::joining(lane.priority());
    let spent = Spent::default();
    let again = Waiting {
        job,
        queue,
        lane,
        attempt,
        spent,
        reason: Reason::RetryNow,
    };
    places::join_line(tx, &again)?;
    places::bound_waiting(tx, job, tx.now)
}

/// Takes a job that waits, as its state said.
fn take(tx: &Tx<'_>, place: &Place) -> Outcome<Waiting> {
    places::take_waiting(tx, place)?
        .ok_or_else(|| Fault::Damaged(format!("a job that waits is not waiting: {place:?}")))
}

fn is_waiting(state: State) -> bool {
    match state {
        State::Pending | State::Queued | State::Retrying => true,
        State::Launching
        | State::Running
        | State::Completed
        | State::Failed
        | State::TimedOut
        | State::Cancelled => false,
    }
}

/// What was asked for; none if it can't be read.
fn spec_of(tx: &Tx<'_>, job: JobId) -> Outcome<Option<JobSpec>> {
    let json: String = tx.one(sql!("spec_of"), named_params! { ":job": job.0 }, |row| {
        row.get(0)
    })?;
    Ok(read_spec(&json, None).ok())
}

fn priority_of(tx: &Tx<'_>, job: JobId) -> Outcome<Priority> {
    let stored: i64 = tx.one(
        sql!("priority_of"),
        named_params! { ":job": job.0 },
        |row| row.get(0),
    )?;
    Priority::new(stored).map_err(|fault| Fault::Damaged(format!("job {job}: {fault}")))
}
