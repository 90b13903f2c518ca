//! What a store answers, in the model's ids, and every time in it the same one.

use longshore_core::host::Host;
use longshore_core::ids::{HostId, QueueId};
use longshore_core::queue::Queue;
use longshore_core::store::{JobDetail, JobSummary, LeaseKey, OutputPage, Worker};
use longshore_core::waiting::WhyWaiting;

use super::names::Names;
use crate::model::MOMENT;

pub(super) fn queue(names: &Names, queue: Queue) -> Queue {
    let id: QueueId = names.queues.ours(queue.id);
    Queue {
        id,
        epoch: queue.epoch - names.epochs.get(&id).copied().unwrap_or(0),
        ..queue
    }
}

pub(super) fn host(names: &Names, host: Host) -> Host {
    Host {
        id: names.hosts.ours(host.id),
        last_seen_at: MOMENT,
        forgotten_at: host.forgotten_at.map(|_| MOMENT),
        ..host
    }
}

pub(super) fn worker(names: &Names, worker: Worker) -> Worker {
    let hosts: Vec<HostId> = worker
        .hosts
        .iter()
        .map(|host| names.hosts.ours(*host))
        .collect();
    Worker {
        id: names.workers.ours(worker.id),
        hosts,
        started_at: MOMENT,
        heartbeat_at: MOMENT,
        stopped_at: worker.stopped_at.map(|_| MOMENT),
        ..worker
    }
}

pub(super) fn summary(names: &Names, job: JobSummary) -> JobSummary {
    JobSummary {
        id: names.jobs.ours(job.id),
        created_at: MOMENT,
        due_at: job.due_at.map(|_| MOMENT),
        started_at: job.started_at.map(|_| MOMENT),
        ended_at: job.ended_at.map(|_| MOMENT),
        ..job
    }
}

pub(super) fn detail(names: &Names, mut job: JobDetail) -> JobDetail {
    for made in &mut job.attempts_made {
        let key = LeaseKey {
            job: job.summary.id,
            attempt: made.attempt,
            token: made.token,
        };
        made.token = names.our_lease(key).token;
        made.worker = names.workers.ours(made.worker);
        made.host = made.host.map(|host| names.hosts.ours(host));
        made.claimed_at = MOMENT;
        made.started_at = made.started_at.map(|_| MOMENT);
        made.ended_at = made.ended_at.map(|_| MOMENT);
    }
    match &mut job.why_waiting {
        Some(WhyWaiting::DueAt { at } | WhyWaiting::RetryAt { at, .. }) => {
            *at = longshore_core::Timestamp::MAX;
        }
        Some(WhyWaiting::LimitReached { by, .. }) => {
            for job in by {
                *job = names.jobs.ours(*job);
            }
        }
        _ => {}
    }
    JobDetail {
        summary: summary(names, job.summary),
        ..job
    }
}

pub(super) fn page(names: &Names, mut page: OutputPage) -> OutputPage {
    for chunk in &mut page.chunks {
        chunk.cursor.token = names.tokens.ours(chunk.cursor.token);
        chunk.at = MOMENT;
    }
    page
}
