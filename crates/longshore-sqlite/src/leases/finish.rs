//! The end of an attempt: its lease goes, its record is written, and its job moves on.

use longshore_core::QueueId;
use longshore_core::attempt::{AttemptError, AttemptRecord, Exit};
use longshore_core::disposition::{Disposition, Spent};
use longshore_core::priority::Lane;
use longshore_core::state::{Event, State, TerminalState, transition};
use longshore_core::store::{Finish, FinishOutcome, LeaseKey};
use longshore_core::waiting::Reason;
use rusqlite::named_params;

use crate::error::Outcome;
use crate::places::{self, Ending, Waiting};
use crate::rows::{Micros, column, json, small};
use crate::sql;
use crate::tx::Tx;

/// What the lease says that is to end.
struct Ended {
    queue: QueueId,
    lane: Lane,
    spent: Spent,
    worker: i64,
    host: Option<i64>,
    claimed_at: Micros,
    started_at: Option<Micros>,
    handle: Option<String>,
    cancel_requested: bool,
}

/// Each is judged alone. They are taken in the order of their jobs, whatever that of the call: those
/// that go back to one lane stand there as they were submitted, as after a drain that hands back all
/// that it has.
pub(super) fn finish_all(tx: &Tx<'_>, finishes: &[Finish]) -> Outcome<Vec<FinishOutcome>> {
    let mut in_order: Vec<(usize, &Finish)> = finishes.iter().enumerate().collect();
    // Stable: of two ends of one attempt the first of the call comes first.
    in_order.sort_by_key(|(_, finish)| finish.lease.job);
    let mut outcomes = vec![FinishOutcome::LeaseLost; finishes.len()];
    for (place, one) in in_order {
        outcomes[place] = finish(tx, one)?;
    }
    Ok(outcomes)
}

fn finish(tx: &Tx<'_>, finish: &Finish) -> Outcome<FinishOutcome> {
    let Some(mut ended) = held_lease(tx, finish.lease)? else {
        return was_finished(tx, finish.lease);
    };
    if finish.record.started && ended.started_at.is_none() {
        // Seen running by its worker, though the store was not told: it started by now at least.
        ended.started_at = Some(tx.now);
    }
    let then = heed_cancellation(finish.then, ended.cancel_requested);
    let state = if ended.started_at.is_some() {
        State::Running
    } else {
        State::Launching
    };
    // Before anything is written: the others of its call go on.
    if let Err(illegal) = transition(state, event(then)) {
        return Ok(FinishOutcome::Illegal(illegal));
    }
    tx.execute_one(
        sql!("finish_drop_lease"),
        named_params! { ":job": finish.lease.job.0 },
    )?;
    record(tx, finish.lease, &ended, &finish.record)?;
    move_on(tx, finish, &ended, then)?;
    if then == finish.then {
        Ok(FinishOutcome::Finished)
    } else {
        Ok(FinishOutcome::Cancelled)
    }
}

/// A job whose end a person asked for does not go back to its line: whoever hands it back, or
/// would try it again, has not heard of it yet.
fn heed_cancellation(then: Disposition, cancel_requested: bool) -> Disposition {
    match then {
        Disposition::RetryAfter(_) | Disposition::HandBack | Disposition::Lost
            if cancel_requested =>
        {
            Disposition::Settle(TerminalState::Cancelled)
        }
        Disposition::Settle(_)
        | Disposition::RetryAfter(_)
        | Disposition::HandBack
        | Disposition::Lost => then,
    }
}

fn event(then: Disposition) -> Event {
    match then {
        Disposition::Settle(TerminalState::Completed) => Event::Complete,
        Disposition::Settle(TerminalState::Failed) => Event::Fail,
        Disposition::Settle(TerminalState::TimedOut) => Event::TimeOut,
        Disposition::Settle(TerminalState::Cancelled) => Event::Cancel,
        Disposition::RetryAfter(_) => Event::Retry,
        Disposition::HandBack | Disposition::Lost => Event::HandBack,
    }
}

fn held_lease(tx: &Tx<'_>, lease: LeaseKey) -> Outcome<Option<Ended>> {
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
    };
    let sql = longshore_fault::edited!("sqlite/finish_lease", sql!("finish_lease"));
    tx.maybe(sql, params, |row| {
        Ok(Ended {
            queue: QueueId(row.get("queue_id")?),
            lane: Lane(row.get("lane")?),
            spent: Spent {
                tries: small(row.get("tries")?),
                losses: small(row.get("losses")?),
            },
            worker: row.get("worker_id")?,
            host: row.get("host_id")?,
            claimed_at: row.get("claimed_at")?,
            started_at: row.get("started_at")?,
            handle: row.get("handle")?,
            cancel_requested: row.get("cancel_requested")?,
        })
    })
}

/// Why there is no lease: because this finish succeeded before, or because another holds it.
fn was_finished(tx: &Tx<'_>, lease: LeaseKey) -> Outcome<FinishOutcome> {
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
    };
    let was_finished: bool = tx.one(sql!("finish_earlier"), params, |row| row.get(0))?;
    Ok(if was_finished {
        FinishOutcome::AlreadyFinished
    } else {
        FinishOutcome::LeaseLost
    })
}

fn record(tx: &Tx<'_>, lease: LeaseKey, ended: &Ended, record: &AttemptRecord) -> Outcome<()> {
    let error = record.error.as_ref();
    // An exit that says nothing is none.
    let exit = record.exit.filter(|exit| *exit != Exit::default());
    let left_out = |bytes: u64| (bytes > 0).then(|| column(bytes));
    let versions = if record.template_versions.is_empty() {
        None
    } else {
        Some(json(&record.template_versions)?)
    };
    tx.execute_one(
        sql!("finish_record"),
        named_params! {
            ":job": lease.job.0,
            ":attempt": lease.attempt.0,
            ":token": lease.token.0,
            ":worker": ended.worker,
            ":host": ended.host,
            ":claimed_at": ended.claimed_at,
            ":started_at": ended.started_at,
            ":now": tx.now,
            ":cpu_micros": record.usage.cpu_micros.map(column),
            ":peak_memory_bytes": record.usage.peak_memory_bytes.map(column),
            ":omitted_stdout_bytes": left_out(record.omitted_bytes[0]),
            ":omitted_stderr_bytes": left_out(record.omitted_bytes[1]),
            ":outcome": record.outcome.as_str(),
            ":error_class": error.map(|error| error.class.as_str()),
            ":exit_code": exit.and_then(|exit| exit.code),
            ":signal": exit.and_then(|exit| exit.signal),
            ":oom_killed": exit.map(|exit| exit.oom_killed),
            ":handle": ended.handle,
            ":error_text": error.map(AttemptError::kept_text),
            ":template_versions": versions,
        },
    )
}

fn move_on(tx: &Tx<'_>, finish: &Finish, ended: &Ended, then: Disposition) -> Outcome<()> {
    let LeaseKey { job, attempt, .. } = finish.lease;
    let priority = ended.lane.priority();
    let waiting = |lane, reason, tries: u16, losses: u16| Waiting {
        job,
        queue: ended.queue,
        lane,
        attempt: attempt.0,
        spent: Spent {
            tries: ended.spent.tries.saturating_add(tries),
            losses: ended.spent.losses.saturating_add(losses),
        },
        reason,
    };
    match then {
        Disposition::Settle(state) => {
            let exit_code = finish.record.exit.and_then(|exit| exit.shell_code());
            let (queue, attempt) = (ended.queue, attempt.0);
            places::settle(
                tx,
                &Ending {
                    job,
                    queue,
                    attempt,
                    exit_code,
                    state,
                },
            )
        }
        Disposition::RetryAfter(delay) => {
            let due_at = tx.now.plus(delay);
            let waiting = waiting(Lane::joining(priority), Reason::Retry, 1, 0);
            places::put_aside(tx, &waiting, due_at)?;
            places::bound_waiting(tx, job, due_at)
        }
        Disposition::HandBack => {
            places::join_line(
                tx,
                &waiting(Lane::ahead(priority), Reason::HandedBack, 0, 0),
            )?;
            places::bound_waiting(tx, job, tx.now)
        }
        Disposition::Lost => {
            places::join_line(tx, &waiting(Lane::ahead(priority), Reason::Lost, 0, 1))?;
            places::bound_waiting(tx, job, tx.now)
        }
    }
}
