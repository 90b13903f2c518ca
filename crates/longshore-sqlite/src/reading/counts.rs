//! Counts of jobs, each of which stops at a cap, so that it costs the same at any size.

use std::collections::BTreeMap;

use longshore_core::queue::{Count, QueueCounts, QueueStats, WorkerMetrics};
use longshore_core::state::TerminalState;
use longshore_core::store::EndedInMinute;
use longshore_core::{QueueId, State, Timestamp};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::rows::{Micros, Word, column, count};
use crate::tx::Tx;
use crate::{registry, sql};

pub(super) fn queue_stats(tx: &Tx<'_>) -> Outcome<Vec<QueueStats>> {
    let mut stats = Vec::new();
    for queue in registry::all_queues(tx)? {
        let workers = workers_of(tx, queue.id)?;
        let counts = of_queue(tx, queue.id)?;
        let oldest_waiting_at = oldest_of(tx, queue.id)?;
        stats.push(QueueStats {
            queue,
            counts,
            workers: workers.alive - workers.draining,
            oldest_waiting_at,
        });
    }
    Ok(stats)
}

pub(super) fn worker_metrics(tx: &Tx<'_>) -> Outcome<WorkerMetrics> {
    let mut metrics = WorkerMetrics::default();
    for queue in registry::all_queues(tx)? {
        let counts = of_queue(tx, queue.id)?;
        metrics.queue_depth = sum(metrics.queue_depth, counts.queue_depth);
        metrics.ready_now = sum(metrics.ready_now, counts.ready_now);
        metrics.scheduled_future = sum(metrics.scheduled_future, counts.scheduled_future);
        metrics.launching = sum(metrics.launching, counts.launching);
        metrics.running = sum(metrics.running, counts.running);
    }
    let params = named_params! { ":cap": column(Count::CAP) };
    metrics.launch_failed = tx
        .one(sql!("worker_metrics_launch_failed"), params, |row| {
            row.get(0)
        })
        .map(of)?;
    Ok(metrics)
}

pub(super) fn settled(tx: &Tx<'_>) -> Outcome<BTreeMap<State, Count>> {
    let terminal = State::ALL.into_iter().filter(|state| state.is_terminal());
    let counts = terminal.map(|state| {
        let params = named_params! { ":state": state.as_str(), ":cap": column(Count::CAP) };
        Ok((
            state,
            tx.one(sql!("settled_counts"), params, |row| row.get(0))
                .map(of)?,
        ))
    });
    counts.collect()
}

/// A minute, in microseconds.
const MINUTE: i64 = 60_000_000;

pub(super) fn ended_by_minute(tx: &Tx<'_>, minutes: u32) -> Outcome<Vec<EndedInMinute>> {
    let this = tx.now.0.div_euclid(MINUTE);
    let first = this - i64::from(minutes.clamp(1, EndedInMinute::MOST)) + 1;
    let params = named_params! { ":since": first * MINUTE };
    let rows = tx.all(sql!("ended_by_minute"), params, |row| {
        let state = State::from(row.get::<_, Word<TerminalState>>("state")?.0);
        Ok((
            row.get::<_, i64>("minute")?,
            state,
            row.get::<_, i64>("jobs")?,
        ))
    })?;
    let mut told: BTreeMap<i64, BTreeMap<State, u64>> = (first..=this)
        .map(|minute| (minute, BTreeMap::new()))
        .collect();
    for (minute, state, jobs) in rows {
        // Of a clock that was set back: the newest there is.
        let ended = told.entry(minute.min(this)).or_default();
        *ended.entry(state).or_default() += u64::try_from(jobs).unwrap_or_default();
    }
    let told = told.into_iter().map(|(minute, ended)| EndedInMinute {
        minute: Micros(minute * MINUTE).time(),
        ended,
    });
    Ok(told.collect())
}

/// The workers alive that serve a queue.
pub(super) struct QueueWorkers {
    pub(super) alive: u32,
    pub(super) draining: u32,
    /// Slots of those that don't drain.
    pub(super) capacity: u32,
    /// Leases of those that don't drain.
    pub(super) live: u32,
}

pub(super) fn workers_of(tx: &Tx<'_>, queue: QueueId) -> Outcome<QueueWorkers> {
    let params = named_params! { ":queue": queue.0, ":now": tx.now };
    tx.one(sql!("queue_stats_workers"), params, |row| {
        Ok(QueueWorkers {
            alive: row.get("workers")?,
            draining: row.get("draining")?,
            capacity: row.get("capacity")?,
            live: row.get("live")?,
        })
    })
}

fn of_queue(tx: &Tx<'_>, queue: QueueId) -> Outcome<QueueCounts> {
    let params = named_params! { ":queue": queue.0, ":now": tx.now, ":cap": column(Count::CAP) };
    tx.one(sql!("queue_stats"), params, |row| {
        let ready_now = sum(of(row.get("in_line")?), of(row.get("due")?));
        let scheduled_future = of(row.get("later")?);
        Ok(QueueCounts {
            queue_depth: sum(ready_now, scheduled_future),
            ready_now,
            scheduled_future,
            launching: of(row.get("launching")?),
            running: of(row.get("running")?),
        })
    })
}

fn oldest_of(tx: &Tx<'_>, queue: QueueId) -> Outcome<Option<Timestamp>> {
    let params = named_params! { ":queue": queue.0, ":now": tx.now };
    let since = tx.one(sql!("queue_stats_oldest"), params, |row| {
        row.get::<_, Option<Micros>>("since")
    })?;
    Ok(since.map(Micros::time))
}

fn of(counted: i64) -> Count {
    Count(count(counted))
}

fn sum(a: Count, b: Count) -> Count {
    Count((a.0 + b.0).min(Count::CAP))
}
