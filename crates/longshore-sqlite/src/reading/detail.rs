//! Everything about one job, and why it waits.

use longshore_core::host::{Demand, Host};
use longshore_core::limit::Limit;
use longshore_core::queue::Queue;
use longshore_core::store::JobDetail;
use longshore_core::waiting::{WaitingFacts, WhyWaiting, explain};
use longshore_core::{HostId, JobId, JobSpec};
use rusqlite::named_params;

use super::{attempts, counts, summary};
use crate::error::{Fault, Outcome};
use crate::places::{Place, Waiting};
use crate::rows::Micros;
use crate::tx::Tx;
use crate::{registry, sql};

/// Some of the jobs that hold a queue's slots are named, not all.
const NAMED_HOLDERS: i64 = 10;

pub(super) fn show(tx: &Tx<'_>, job: JobId) -> Outcome<JobDetail> {
    let (summary, body) = summary::of(tx, job)?;
    let spec = body
        .spec
        .map_err(|fault| Fault::Damaged(format!("job {job}: {fault}")))?;
    let why_waiting = match &body.place {
        Place::Ready(waiting) => Some(why(tx, waiting, None, &spec)?),
        Place::Scheduled { waiting, due_at } => Some(why(tx, waiting, Some(*due_at), &spec)?),
        Place::Live { .. } => note(tx, job)?,
        Place::Settled { .. } => None,
    };
    let cancel_requested = match &body.place {
        Place::Live {
            cancel_requested, ..
        } => *cancel_requested,
        Place::Ready(_) | Place::Scheduled { .. } | Place::Settled { .. } => false,
    };
    let attempts_made = attempts::of(tx, job)?;
    Ok(JobDetail {
        summary,
        spec,
        attempts_made,
        why_waiting,
        cancel_requested,
    })
}

fn why(
    tx: &Tx<'_>,
    waiting: &Waiting,
    due_at: Option<Micros>,
    spec: &JobSpec,
) -> Outcome<WhyWaiting> {
    let queue = registry::queue_by_id(tx, waiting.queue)?;
    let workers = counts::workers_of(tx, waiting.queue)?;
    // Counted up to the limit: further ones would change nothing that is said.
    let reach = queue.max_concurrent.map_or(1, |Limit(limit)| limit.max(1));
    let params = named_params! { ":queue": waiting.queue.0, ":reach": reach };
    let live = tx.one(sql!("acquire_live"), params, |row| row.get(0))?;
    let params = named_params! { ":queue": waiting.queue.0, ":count": NAMED_HOLDERS };
    let live_jobs = tx.all(sql!("show_job_live_jobs"), params, |row| {
        row.get(0).map(JobId)
    })?;
    let hosts = hosts_of(tx, &queue)?;
    let facts = WaitingFacts {
        reason: waiting.reason,
        due_at: due_at.and_then(Micros::finite),
        is_pending: due_at == Some(Micros::INFINITY),
        tries: waiting.spent.tries,
        retries_allowed: spec.retries_allowed(),
        queue: queue.name,
        paused: queue.paused,
        max_concurrent: queue.max_concurrent,
        live,
        live_jobs,
        workers: workers.alive,
        workers_draining: workers.draining,
        worker_capacity: workers.capacity,
        worker_live: workers.live,
        host_selector: queue.host_selector,
        hosts,
        demand: Demand::of(spec),
    };
    Ok(explain(&facts, tx.now.time()))
}

/// What the launch of a job says of itself, if it takes long.
fn note(tx: &Tx<'_>, job: JobId) -> Outcome<Option<WhyWaiting>> {
    let params = named_params! { ":job": job.0 };
    let note: Option<Option<String>> = tx.maybe(sql!("show_job_note"), params, |row| row.get(0))?;
    Ok(note.flatten().map(|note| WhyWaiting::Launching { note }))
}

/// The hosts on which the workers of a queue would launch its jobs.
fn hosts_of(tx: &Tx<'_>, queue: &Queue) -> Outcome<Vec<Host>> {
    let params = named_params! { ":queue": queue.id.0, ":now": tx.now };
    let ids = tx.all(sql!("show_job_hosts"), params, |row| row.get(0).map(HostId))?;
    let mut hosts = Vec::new();
    for id in ids {
        let host = registry::host(tx, id)?;
        if host.facts.executor == queue.executor && host.fits(&queue.host_selector) {
            hosts.push(host);
        }
    }
    Ok(hosts)
}
