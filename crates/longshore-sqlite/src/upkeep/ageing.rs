//! Ageing (promise L4): jobs that have waited for their queue's time move up one priority.
//!
//! `ready` has no time of entry: a mark says of a place that it, and all before it, were drawn by then.

use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::queue::Queue;
use longshore_core::store::Aged;
use longshore_core::{JobId, QueueId};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::places::{self, Waiting};
use crate::rows::{Word, small};
use crate::sql;
use crate::tx::Tx;

/// Marks of a queue are at least this part of its time apart: a job moves that much later at most, and
/// there are no more than about this many.
const MARKS_PER_WAIT: u32 = 16;

/// Above these there is nothing.
const TOP_LANE: Lane = Lane(1);

/// Moves up at most `limit` jobs of a queue, then notes the newest place.
pub(super) fn pass(tx: &Tx<'_>, queue: QueueId, limit: u32) -> Outcome<Vec<Aged>> {
    let Queue { ageing, paused, .. } = crate::registry::queue_by_id(tx, queue)?;
    let (Some(ageing), false) = (ageing, paused) else {
        places::unmark(tx, queue)?;
        return Ok(Vec::new());
    };
    let params = named_params! { ":queue": queue.0, ":before": tx.now.minus(ageing) };
    let old: Option<i64> = tx.one(sql!("age_waiting_old"), params, |row| row.get(0))?;
    let aged = match old {
        Some(old) => move_up(tx, queue, old, limit)?,
        None => Vec::new(),
    };
    let params = named_params! { ":queue": queue.0, ":old": old, ":now": tx.now };
    tx.execute(sql!("age_waiting_sweep"), params)?;
    let since = tx.now.minus(ageing / MARKS_PER_WAIT);
    let params = named_params! { ":queue": queue.0, ":now": tx.now, ":since": since };
    tx.execute(sql!("age_waiting_mark"), params)?;
    Ok(aged)
}

/// Moves the jobs whose places were drawn first, if that was long enough ago: by place over all lanes,
/// so that a long lane does not hold up a short one for ever.
fn move_up(tx: &Tx<'_>, queue: QueueId, old: i64, limit: u32) -> Outcome<Vec<Aged>> {
    let mut lanes = Vec::new();
    while let Some(next) = next_lane(tx, queue, *lanes.last().unwrap_or(&TOP_LANE))? {
        lanes.push(next);
    }
    let mut due = due_in_all(tx, queue, &lanes, old, limit)?;
    due.sort_by_key(|(seq, _)| *seq);
    due.truncate(limit as usize);
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let first = places::draw_seqs(tx, due.len())?;
    let mut aged = Vec::with_capacity(due.len());
    for (seq, (_, waiting)) in (first..).zip(due) {
        let Some(lane) = waiting.lane.aged() else {
            continue;
        };
        let params = named_params! { ":job": waiting.job.0, ":lane": waiting.lane.0 };
        tx.execute(sql!("age_waiting_own_lane"), params)?;
        let job = waiting.job;
        places::change_lane_at(tx, job, lane, seq)?;
        aged.push(Aged { job, queue, lane });
    }
    Ok(aged)
}

/// At least the `limit` jobs that matter, if there are as many. Of each lane no more is looked at than its
/// share, and four times as much again while that is too little: some `limit` rows in all, however many
/// lanes are in use and however unequal they are. The job that waits longest is always among them.
fn due_in_all(
    tx: &Tx<'_>,
    queue: QueueId,
    lanes: &[Lane],
    old: i64,
    limit: u32,
) -> Outcome<Vec<(i64, Waiting)>> {
    let count = u32::try_from(lanes.len().max(1)).expect("there are 202 lanes");
    let mut share = limit / count + 1;
    loop {
        let mut due = Vec::new();
        for lane in lanes {
            due.extend(due_in(tx, queue, *lane, old, share.min(limit))?);
        }
        if due.len() >= limit as usize || share >= limit {
            return Ok(due);
        }
        share = share.saturating_mul(4);
    }
}

fn next_lane(tx: &Tx<'_>, queue: QueueId, after: Lane) -> Outcome<Option<Lane>> {
    let params = named_params! { ":queue": queue.0, ":lane": after.0 };
    let next: Option<i16> = tx.one(sql!("age_waiting_next_lane"), params, |row| row.get(0))?;
    Ok(next.map(Lane))
}

/// The first jobs of a lane that were drawn a place long enough ago, each with that place.
fn due_in(
    tx: &Tx<'_>,
    queue: QueueId,
    lane: Lane,
    old: i64,
    limit: u32,
) -> Outcome<Vec<(i64, Waiting)>> {
    let params = named_params! {
        ":queue": queue.0,
        ":lane": lane.0,
        ":old": old,
        ":limit": limit,
    };
    tx.all(sql!("age_waiting_due"), params, |row| {
        let waiting = Waiting {
            job: JobId(row.get("job_id")?),
            queue,
            lane,
            attempt: row.get("attempt")?,
            spent: Spent {
                tries: small(row.get("tries")?),
                losses: small(row.get("losses")?),
            },
            reason: row.get::<_, Word<_>>("reason")?.0,
        };
        Ok((row.get("seq")?, waiting))
    })
}
