//! Acquiring (PROTOCOL section 3). There is one writer at a time, so that its locks, and the
//! frontier, have nothing to guard here: what is counted stays true until the commit.

use std::time::Duration;

use jiff::Timestamp;
use longshore_core::disposition::Spent;
use longshore_core::limit::{Limit, room};
use longshore_core::priority::Lane;
use longshore_core::store::{AcquireRequest, Ahead, Lease, LeaseKey, StoreError};
use longshore_core::{AttemptNumber, JobId, QueueId, Token, WorkerId};
use rusqlite::named_params;

use crate::error::{Fault, Outcome};
use crate::places;
use crate::rows::{Micros, duration, read_spec, small};
use crate::sql;
use crate::tx::Tx;

/// Due jobs that one acquisition moves to the line, so that its transaction stays short.
const MAX_STAGED: u32 = 1000;

/// A job that was acquired, its spec not read yet.
pub(super) struct Row {
    lease: Lease,
    lane_seq: i64,
    json: Option<String>,
    idem_key: Option<String>,
}

impl Row {
    /// Reads the spec: outside of the transaction, which it does not belong to.
    pub(super) fn into_lease(self) -> Lease {
        let spec = match self.json {
            Some(json) => read_spec(&json, self.idem_key).map(Box::new),
            None => Err("the job's row is missing".to_owned()),
        };
        Lease { spec, ..self.lease }
    }
}

/// Whether an acquisition would do anything, by a snapshot: something waits and may pass, or came
/// due.
pub(super) fn is_worthwhile(tx: &Tx<'_>, request: &AcquireRequest) -> Outcome<bool> {
    let has_room = room_left(tx, request)? > 0;
    let params = named_params! { ":queue": request.queue.0, ":now": tx.now, ":has_room": has_room };
    tx.one(sql!("acquire_worthwhile"), params, |row| row.get(0))
}

/// How long until the next job of a queue comes due.
pub(super) fn due_in(tx: &Tx<'_>, queue: QueueId) -> Outcome<Option<Duration>> {
    let params = named_params! { ":queue": queue.0, ":now": tx.now, ":count": 1 };
    let next = tx.maybe(sql!("next_due"), params, |row| {
        row.get::<_, Micros>("due_at")
    })?;
    Ok(next.map(|Micros(at)| duration(at.saturating_sub(tx.now.0))))
}

/// In which of these queues there is something to acquire, by a snapshot.
pub(super) fn look_ahead(tx: &Tx<'_>, queues: &[QueueId]) -> Outcome<Ahead> {
    let mut ahead = Ahead::default();
    for queue in queues {
        let params = named_params! { ":queue": queue.0, ":now": tx.now };
        let waits: Option<bool> = tx.maybe(sql!("look_ahead"), params, |row| row.get(0))?;
        if waits == Some(true) {
            ahead.waiting.push(*queue);
        }
        let due_in = due_in(tx, *queue)?;
        ahead.due_in = ahead.due_in.into_iter().chain(due_in).min();
    }
    Ok(ahead)
}

pub(super) fn acquire(tx: &Tx<'_>, request: &AcquireRequest) -> Outcome<Vec<Row>> {
    let room = room_left(tx, request)?;
    // Staged first, so that a due job takes its turn by its priority; also where there is no room, or
    // jobs that are submitted before there is some would overtake it.
    places::stage_due(tx, request.queue, MAX_STAGED)?;
    if room == 0 {
        return Ok(Vec::new());
    }
    let mut rows = first_in_line(tx, request.queue, room)?;
    let Some(last) = rows.last() else {
        return Ok(rows);
    };
    let params = named_params! {
        ":queue": request.queue.0,
        ":lane": last.lease.lane.0,
        ":seq": last.lane_seq,
    };
    let taken = tx.execute(sql!("acquire_take"), params)?;
    if taken != rows.len() {
        return Err(Fault::Damaged(format!(
            "{taken} jobs left the line, not {}",
            rows.len()
        )));
    }
    lease_all(tx, request, &mut rows)?;
    Ok(rows)
}

/// How many jobs the limits let pass, to this worker.
fn room_left(tx: &Tx<'_>, request: &AcquireRequest) -> Outcome<u32> {
    let want = request.want.min(AcquireRequest::MAX_WANT);
    let queue = tx.maybe(
        sql!("acquire_limits"),
        named_params! { ":queue": request.queue.0 },
        |row| {
            Ok((
                row.get::<_, bool>("paused")?,
                row.get::<_, Option<u32>>("max_concurrent")?,
            ))
        },
    )?;
    let Some((paused, max_concurrent)) = queue else {
        return Err(StoreError::UnknownQueue {
            name: request.queue.to_string(),
            hint: "no queue has this id".to_owned(),
        }
        .into());
    };
    if paused || !may_acquire(tx, request.worker)? {
        return Ok(0);
    }
    let queue_limit = max_concurrent.map(Limit);
    // Counted as far as a limit reaches: no further lease could make any difference.
    let reach = [queue_limit, request.max_concurrent]
        .into_iter()
        .flatten()
        .map(|limit| limit.0)
        .max();
    let live = match reach {
        None => 0,
        Some(reach) => {
            let params = named_params! { ":queue": request.queue.0, ":reach": reach };
            tx.one(sql!("acquire_live"), params, |row| row.get(0))?
        }
    };
    Ok(room(want, live, queue_limit, request.max_concurrent))
}

/// Whether the worker is one that acquires, as it is now: nobody would tend to what a worker got
/// that drains, was taken over or is gone.
pub(crate) fn may_acquire(tx: &Tx<'_>, worker: WorkerId) -> Outcome<bool> {
    let params = named_params! { ":worker": worker.0 };
    tx.one(sql!("acquire_worker"), params, |row| row.get(0))
}

fn first_in_line(tx: &Tx<'_>, queue: QueueId, count: u32) -> Outcome<Vec<Row>> {
    let params = named_params! { ":queue": queue.0, ":count": count };
    tx.all(sql!("acquire_first"), params, |row| {
        let key = LeaseKey {
            job: JobId(row.get("job_id")?),
            attempt: AttemptNumber(row.get::<_, i32>("attempt")? + 1),
            // Drawn once it is known how many are needed.
            token: Token(0),
        };
        let lease = Lease {
            key,
            queue,
            lane: Lane(row.get("lane")?),
            spent: Spent {
                tries: small(row.get("tries")?),
                losses: small(row.get("losses")?),
            },
            claimed_at: Timestamp::UNIX_EPOCH,
            spec: Err(String::new()),
        };
        Ok(Row {
            lease,
            lane_seq: row.get("seq")?,
            json: row.get("spec")?,
            idem_key: row.get("idem_key")?,
        })
    })
}

/// Gives each of them a lease, with a fresh token and slot.
fn lease_all(tx: &Tx<'_>, request: &AcquireRequest, rows: &mut [Row]) -> Outcome<()> {
    let count = i64::try_from(rows.len()).expect("at most a thousand");
    let params = named_params! { ":count": count };
    let (last_token, last_slot): (i64, i64) = tx.one(sql!("acquire_draw"), params, |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    for (left, row) in (0..count).rev().zip(rows) {
        let lease = &mut row.lease;
        lease.key.token = Token(last_token - left);
        lease.claimed_at = tx.now.time();
        tx.execute_one(
            sql!("acquire_lease"),
            named_params! {
                ":job": lease.key.job.0,
                ":token": lease.key.token.0,
                ":slot": last_slot - left,
                ":worker": request.worker.0,
                ":acquire_no": request.acquire_number,
                ":now": tx.now,
                ":queue": lease.queue.0,
                ":attempt": lease.key.attempt.0,
                ":lane": lease.lane.0,
                ":tries": lease.spent.tries,
                ":losses": lease.spent.losses,
            },
        )?;
    }
    Ok(())
}
