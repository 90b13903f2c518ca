//! Where jobs stand, and moving them from place to place: a row is deleted in one place and
//! inserted in another, never updated. Whatever joins a line draws a new seq.

use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::state::{Event, State, TerminalState, transition};
use longshore_core::store::StoreError;
use longshore_core::waiting::Reason;
use longshore_core::{JobId, QueueId};
use rusqlite::{Row, named_params};

use crate::error::{Fault, Outcome};
use crate::rows::{Micros, TerminalColumn, Word, read_spec, small};
use crate::sql;
use crate::tx::Tx;

/// A job that waits: what its row in `ready` or `scheduled` says.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) job: JobId,
    pub(crate) queue: QueueId,
    pub(crate) lane: Lane,
    /// Attempts made so far.
    pub(crate) attempt: i32,
    pub(crate) spent: Spent,
    pub(crate) reason: Reason,
}

/// The one place that a job is in.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Ready(Waiting),
    Scheduled {
        waiting: Waiting,
        due_at: Micros,
    },
    Live {
        lane: Lane,
        attempt: i32,
        started_at: Option<Micros>,
        cancel_requested: bool,
    },
    Settled {
        queue: QueueId,
        attempt: i32,
        state: TerminalState,
        at: Micros,
        exit_code: Option<i32>,
    },
}

impl Place {
    /// The state that this place means.
    pub(crate) fn state(&self) -> State {
        match self {
            Self::Scheduled { due_at, .. } if *due_at == Micros::INFINITY => State::Pending,
            Self::Ready(waiting) | Self::Scheduled { waiting, .. } => {
                if waiting.reason == Reason::Retry {
                    State::Retrying
                } else {
                    State::Queued
                }
            }
            Self::Live {
                started_at: None, ..
            } => State::Launching,
            Self::Live {
                started_at: Some(_),
                ..
            } => State::Running,
            Self::Settled { state, .. } => State::from(*state),
        }
    }

    /// Attempts made, the live one included.
    pub(crate) fn attempts(&self) -> i32 {
        match self {
            Self::Ready(waiting) | Self::Scheduled { waiting, .. } => waiting.attempt,
            Self::Live { attempt, .. } | Self::Settled { attempt, .. } => *attempt,
        }
    }

    fn from_row(job: JobId, row: &Row<'_>) -> rusqlite::Result<Self> {
        let queue = QueueId(row.get("queue_id")?);
        let attempt = row.get("attempt")?;
        let place: String = row.get("place")?;
        let waiting = || {
            Ok::<_, rusqlite::Error>(Waiting {
                job,
                queue,
                lane: Lane(row.get("lane")?),
                attempt,
                spent: Spent {
                    tries: small(row.get("tries")?),
                    losses: small(row.get("losses")?),
                },
                reason: row.get::<_, Word<Reason>>("reason")?.0,
            })
        };
        Ok(match place.as_str() {
            "ready" => Self::Ready(waiting()?),
            "scheduled" => Self::Scheduled {
                waiting: waiting()?,
                due_at: row.get("due_at")?,
            },
            "lease" => Self::Live {
                lane: Lane(row.get("lane")?),
                attempt,
                started_at: row.get("started_at")?,
                cancel_requested: row.get("cancel_requested")?,
            },
            _ => Self::Settled {
                queue,
                attempt,
                state: row.get::<_, TerminalColumn>("state")?.0,
                at: row.get("at")?,
                exit_code: row.get("exit_code")?,
            },
        })
    }
}

/// Where a job stands.
pub(crate) fn find(tx: &Tx<'_>, job: JobId) -> Outcome<Place> {
    let found = tx.maybe(sql!("place_of"), named_params! { ":job": job.0 }, |row| {
        Place::from_row(job, row)
    })?;
    match found {
        Some(place) => Ok(place),
        None if job_exists(tx, job)? => Err(Fault::Damaged(format!(
            "job {job} is in no place at all: see `longshore doctor`"
        ))),
        None => Err(StoreError::UnknownJob(job).into()),
    }
}

fn job_exists(tx: &Tx<'_>, job: JobId) -> Outcome<bool> {
    tx.one(
        sql!("place_job_exists"),
        named_params! { ":job": job.0 },
        |row| row.get(0),
    )
}

/// The state that follows, or the refusal of an arrow that isn't there.
pub(crate) fn step(job: JobId, state: State, event: Event) -> Outcome<State> {
    transition(state, event).map_err(|illegal| StoreError::Illegal { job, illegal }.into())
}

/// Puts a job at the end of its lane.
pub(crate) fn join_line(tx: &Tx<'_>, waiting: &Waiting) -> Outcome<()> {
    let seq = draw_seqs(tx, 1)?;
    join_line_at(tx, waiting, seq)
}

/// Puts a job into its lane, at a place that was drawn for it.
pub(crate) fn join_line_at(tx: &Tx<'_>, waiting: &Waiting, seq: i64) -> Outcome<()> {
    tx.execute_one(
        sql!("place_put_ready"),
        named_params! {
            ":queue": waiting.queue.0,
            ":lane": waiting.lane.0,
            ":seq": seq,
            ":job": waiting.job.0,
            ":attempt": waiting.attempt,
            ":tries": waiting.spent.tries,
            ":losses": waiting.spent.losses,
            ":reason": waiting.reason.as_str(),
        },
    )
}

/// Moves a job that waits to another lane, in a line to its end: its state stays.
pub(crate) fn change_lane(tx: &Tx<'_>, place: &Place, lane: Lane) -> Outcome<()> {
    match place {
        Place::Ready(waiting) => change_lane_at(tx, waiting.job, lane, draw_seqs(tx, 1)?),
        Place::Scheduled { waiting, .. } => {
            let params = named_params! { ":job": waiting.job.0, ":lane": lane.0 };
            tx.execute_one(sql!("place_move_scheduled"), params)
        }
        Place::Live { .. } | Place::Settled { .. } => {
            Err(Fault::Damaged(format!("no place to wait in: {place:?}")))
        }
    }
}

/// Moves a job of a line to another lane, at a place that was drawn for it.
pub(crate) fn change_lane_at(tx: &Tx<'_>, job: JobId, lane: Lane, seq: i64) -> Outcome<()> {
    let params = named_params! { ":job": job.0, ":lane": lane.0, ":seq": seq };
    tx.execute_one(sql!("place_move_ready"), params)
}

/// Draws `count` places for the ends of lines; returns the first of them.
pub(crate) fn draw_seqs(tx: &Tx<'_>, count: usize) -> Outcome<i64> {
    let count = i64::try_from(count).expect("a batch fits");
    let last: i64 = tx.one(
        sql!("place_draw_seqs"),
        named_params! { ":count": count },
        |row| row.get(0),
    )?;
    Ok(last - count + 1)
}

/// Puts a job aside until `due_at`.
pub(crate) fn put_aside(tx: &Tx<'_>, waiting: &Waiting, due_at: Micros) -> Outcome<()> {
    tx.execute_one(
        sql!("place_put_scheduled"),
        named_params! {
            ":job": waiting.job.0,
            ":due_at": due_at,
            ":queue": waiting.queue.0,
            ":lane": waiting.lane.0,
            ":attempt": waiting.attempt,
            ":tries": waiting.spent.tries,
            ":losses": waiting.spent.losses,
            ":reason": waiting.reason.as_str(),
        },
    )
}

/// Takes a waiting job out of its place; the caller puts it into another.
pub(crate) fn take_waiting(tx: &Tx<'_>, place: &Place) -> Outcome<Option<Waiting>> {
    let (statement, waiting) = match place {
        Place::Ready(waiting) => (sql!("place_take_ready"), waiting),
        Place::Scheduled { waiting, .. } => (sql!("place_take_scheduled"), waiting),
        Place::Live { .. } | Place::Settled { .. } => return Ok(None),
    };
    tx.execute_one(statement, named_params! { ":job": waiting.job.0 })?;
    Ok(Some(waiting.clone()))
}

/// Forgets that a job moved up with age: a person said anew what its priority is.
pub(crate) fn forget_age(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    tx.execute(sql!("place_forget_age"), named_params! { ":job": job.0 })?;
    Ok(())
}

/// Lets the waits of a queue's jobs, by which they age, count anew.
pub(crate) fn unmark(tx: &Tx<'_>, queue: QueueId) -> Outcome<()> {
    tx.execute(sql!("place_unmark"), named_params! { ":queue": queue.0 })?;
    Ok(())
}

/// A job's end.
pub(crate) struct Ending {
    pub(crate) job: JobId,
    pub(crate) queue: QueueId,
    /// Attempts made.
    pub(crate) attempt: i32,
    pub(crate) exit_code: Option<i32>,
    pub(crate) state: TerminalState,
}

/// Ends a job that was taken out of its place. What has ended waits for nothing.
pub(crate) fn settle(tx: &Tx<'_>, ending: &Ending) -> Outcome<()> {
    let params = named_params! { ":job": ending.job.0 };
    tx.execute(sql!("place_drop_deadline"), params)?;
    tx.execute_one(
        sql!("place_put_settled"),
        named_params! {
            ":job": ending.job.0,
            ":now": tx.now,
            ":queue": ending.queue.0,
            ":attempt": ending.attempt,
            ":exit_code": ending.exit_code,
            ":state": ending.state.as_str(),
        },
    )
}

/// Bounds how long a job waits, if its spec does, counting from when it is due.
pub(crate) fn bound_waiting(tx: &Tx<'_>, job: JobId, from: Micros) -> Outcome<()> {
    let spec: Option<String> =
        tx.maybe(sql!("spec_of"), named_params! { ":job": job.0 }, |row| {
            row.get(0)
        })?;
    // A spec that can't be read has no bound here; its attempt will say what is wrong with it.
    let timeout = spec
        .and_then(|spec| read_spec(&spec, None).ok())
        .and_then(|spec| spec.queue_timeout?.limit());
    match timeout {
        Some(timeout) => put_deadline(tx, job, from.plus(timeout)),
        None => Ok(()),
    }
}

/// Notes when a waiting job is to be given up.
pub(crate) fn put_deadline(tx: &Tx<'_>, job: JobId, expires_at: Micros) -> Outcome<()> {
    let params = named_params! { ":job": job.0, ":expires_at": expires_at };
    tx.execute_one(sql!("place_put_deadline"), params)
}

/// Moves due jobs of one queue to its line, at most `limit`, in the order in which they came due.
pub(crate) fn stage_due(tx: &Tx<'_>, queue: QueueId, limit: u32) -> Outcome<u64> {
    let params = named_params! { ":queue": queue.0, ":now": tx.now, ":limit": limit };
    let due = tx.all(sql!("stage_due"), params, |row| {
        Ok(Waiting {
            job: JobId(row.get("job_id")?),
            queue,
            lane: Lane(row.get("lane")?),
            attempt: row.get("attempt")?,
            spent: Spent {
                tries: small(row.get("tries")?),
                losses: small(row.get("losses")?),
            },
            reason: row.get::<_, Word<Reason>>("reason")?.0,
        })
    })?;
    if due.is_empty() {
        return Ok(0);
    }
    let first = draw_seqs(tx, due.len())?;
    for (seq, waiting) in (first..).zip(&due) {
        tx.execute_one(
            sql!("place_take_scheduled"),
            named_params! { ":job": waiting.job.0 },
        )?;
        join_line_at(tx, waiting, seq)?;
    }
    Ok(due.len() as u64)
}
