//! One job in full, as the model shows it.

use longshore_core::host::{Demand, Host};
use longshore_core::priority::Lane;
use longshore_core::store::{JobDetail, JobSummary, Worker};
use longshore_core::waiting::{WaitingFacts, WhyWaiting, explain};
use longshore_core::{JobId, QueueId, Timestamp};

use super::finishing::view;
use super::job::{Due, Job, Place, Waiting};
use super::{Answer, Crew, MOMENT, Model};

/// Some of the jobs that hold a queue's slots are named, not all.
const NAMED_HOLDERS: usize = 10;

impl Model {
    /// Everything about one job.
    pub fn show_job(&self, id: JobId) -> Answer<JobDetail> {
        let job = self.job(id)?;
        let mut attempts_made = job.attempts.clone();
        attempts_made.extend(job.live().map(|live| view(live, live.started)));
        let why_waiting = match &job.place {
            Place::Waiting(waiting) => Some(self.why(job, waiting)),
            Place::Live(live) if !live.started => {
                live.note.clone().map(|note| WhyWaiting::Launching { note })
            }
            Place::Live(_) | Place::Settled { .. } => None,
        };
        Ok(JobDetail {
            summary: self.summary(id, job),
            spec: job.spec.clone(),
            attempts_made,
            why_waiting,
            cancel_requested: job.live().is_some_and(|live| live.cancel_requested),
        })
    }

    /// As in a list.
    pub(super) fn summary(&self, id: JobId, job: &Job) -> JobSummary {
        let spec = job.spec.clone();
        let last = job.attempts.last();
        let last_exit = last
            .and_then(|last| last.record.as_ref()?.exit)
            .and_then(|exit| exit.shell_code());
        let last_start = last.and_then(|last| last.started_at);
        let of = |lane: Lane| job.own.unwrap_or(lane.priority());
        let (priority, exit_code, started_at) = match &job.place {
            Place::Waiting(waiting) => (of(waiting.lane), last_exit, last_start),
            Place::Live(live) => (of(live.lane), last_exit, live.started.then_some(MOMENT)),
            Place::Settled { exit_code, .. } => (spec.priority, *exit_code, last_start),
        };
        let is_later = job
            .waiting()
            .is_some_and(|waiting| waiting.due == Due::Later);
        JobSummary {
            id,
            state: job.state(),
            queue: self.queues[&job.queue].name.clone(),
            priority,
            name: spec.name,
            image: spec.image,
            command: spec.command,
            labels: spec.labels,
            attempts: job.attempts_made(),
            exit_code,
            created_at: MOMENT,
            due_at: is_later.then_some(MOMENT),
            started_at,
            ended_at: job.state().is_terminal().then_some(MOMENT),
        }
    }

    fn why(&self, job: &Job, waiting: &Waiting) -> WhyWaiting {
        let queue = self.queues[&job.queue].clone();
        let serving: Vec<&Worker> = self.serving(queue.id).collect();
        let active = || serving.iter().filter(|worker| !worker.draining);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let live: usize = active().map(|worker| self.leases_of(worker.id).len()).sum();
        let is_launched_on = |host: &Host| active().any(|worker| worker.hosts.contains(&host.id));
        let fits = |host: &Host| {
            is_launched_on(host)
                && host.facts.executor == queue.executor
                && host.fits(&queue.host_selector)
        };
        let facts = WaitingFacts {
            reason: waiting.reason,
            due_at: (waiting.due == Due::Later).then_some(Timestamp::MAX),
            is_pending: waiting.due == Due::Never,
            tries: waiting.spent.tries,
            retries_allowed: job.spec.retries_allowed(),
            queue: queue.name.clone(),
            paused: queue.paused,
            max_concurrent: queue.max_concurrent,
            live: small(self.live_in(queue.id).count()),
            live_jobs: self.live_in(queue.id).take(NAMED_HOLDERS).collect(),
            workers: small(serving.len()),
            workers_draining: small(serving.iter().filter(|worker| worker.draining).count()),
            worker_capacity: active().map(|worker| worker.capacity).sum(),
            worker_live: small(live),
            hosts: self.hosts().into_iter().filter(fits).collect(),
            host_selector: queue.host_selector,
            demand: Demand::of(&job.spec),
        };
        explain(&facts, MOMENT)
    }

    /// The workers alive that serve a queue.
    pub(super) fn serving(&self, queue: QueueId) -> impl Iterator<Item = &Worker> {
        let serves = move |worker: &&Crew| worker.shown.alive && worker.serves.contains(&queue);
        self.workers
            .values()
            .filter(serves)
            .map(|worker| &worker.shown)
    }
}
