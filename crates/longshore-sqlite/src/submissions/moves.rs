//! Moving a job at a person's word: its place is found, its state asked for the arrow, its row moved.

use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::state::{Event, TerminalState};
use longshore_core::store::CancelOutcome;
use longshore_core::waiting::Reason;
use longshore_core::{JobId, JobSpec, Priority};
use rusqlite::named_params;

use super::submit::due_later;
use crate::error::{Fault, Outcome};
use crate::places::{self, Ending, Place, Waiting};
use crate::rows::{Micros, read_spec};
use crate::sql;
use crate::tx::Tx;

pub(super) fn queue_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
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

pub(super) fn dequeue_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::Dequeue)?;
    let waiting = take(tx, &place)?;
    places::put_aside(
        tx,
        &Waiting {
            reason: Reason::Held,
            ..waiting
        },
        Micros::INFINITY,
    )?;
    tx.execute(sql!("place_drop_deadline"), named_params! { ":job": job.0 })?;
    Ok(())
}

pub(super) fn reprioritise(tx: &Tx<'_>, job: JobId, priority: Priority) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::Reprioritise)?;
    places::forget_age(tx, job)?;
    places::change_lane(tx, &place, Lane::joining(priority))
}

pub(super) fn request_cancel(tx: &Tx<'_>, job: JobId) -> Outcome<CancelOutcome> {
    let place = places::find(tx, job)?;
    let state = place.state();
    if state.is_terminal() {
        return Ok(CancelOutcome::AlreadyEnded(state));
    }
    places::step(job, state, Event::Cancel)?;
    let Some(waiting) = places::take_waiting(tx, &place)? else {
        let params = named_params! { ":job": job.0, ":now": tx.now };
        tx.execute_one(sql!("request_cancel_live"), params)?;
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
    tx.execute(sql!("place_drop_deadline"), named_params! { ":job": job.0 })?;
    Ok(CancelOutcome::Cancelled)
}

pub(super) fn retry_job(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::RetryNow)?;
    let lane = match &place {
        Place::Ready(waiting) | Place::Scheduled { waiting, .. } => waiting.lane,
        Place::Live { lane, .. } => *lane,
        Place::Settled { .. } => Lane::joining(priority_of(tx, job)?),
    };
    let (queue, attempt) = match &place {
        Place::Settled { queue, attempt, .. } => {
            tx.execute_one(sql!("place_take_settled"), named_params! { ":job": job.0 })?;
            places::forget_age(tx, job)?;
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

/// What was asked for; none if it can't be read.
fn spec_of(tx: &Tx<'_>, job: JobId) -> Outcome<Option<JobSpec>> {
    let json: String = tx.one(sql!("spec_of"), named_params! { ":job": job.0 }, |row| {
        row.get(0)
    })?;
    Ok(read_spec(&json, None).ok())
}

fn priority_of(tx: &Tx<'_>, job: JobId) -> Outcome<Priority> {
    let stored: i64 = tx.one(
        sql!("retry_job_priority"),
        named_params! { ":job": job.0 },
        |row| row.get(0),
    )?;
    Priority::new(stored).map_err(|fault| Fault::Damaged(format!("job {job}: {fault}")))
}
