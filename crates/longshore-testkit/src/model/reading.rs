//! Lists and counts, as the model makes them.

use std::collections::BTreeMap;

use longshore_core::queue::{Count, QueueCounts, QueueStats, WorkerMetrics};
use longshore_core::store::{JobFilter, JobPage, JobSummary};
use longshore_core::{JobId, QueueId, State};

use super::job::{Due, Job, Place};
use super::{Answer, MOMENT, Model};

impl Model {
    /// Where these jobs stand.
    pub fn states(&self, jobs: &[JobId]) -> Answer<Vec<State>> {
        jobs.iter().map(|id| Ok(self.job(*id)?.state())).collect()
    }

    /// The newest job, if there is any.
    pub fn newest_job(&self) -> Option<JobId> {
        self.jobs.last_key_value().map(|(id, _)| *id)
    }

    /// A page of jobs, newest first.
    pub fn list_jobs(&self, filter: &JobFilter) -> Answer<JobPage> {
        if let Some(queue) = &filter.queue {
            self.queue_named(queue)?;
        }
        let size = filter.limit.clamp(1, JobFilter::MAX_PAGE) as usize;
        let older = self.jobs.iter().rev();
        let mut fitting = older
            .filter(|(id, _)| filter.before.is_none_or(|before| **id < before))
            .map(|(id, job)| (self.summary(*id, job), job))
            .filter(|(summary, job)| fits(filter, summary, job))
            .map(|(summary, _)| summary);
        let jobs: Vec<_> = fitting.by_ref().take(size).collect();
        let next = fitting.next().and_then(|_| Some(jobs.last()?.id));
        Ok(JobPage { jobs, next })
    }

    /// Every queue with its counts, by name.
    pub fn queue_stats(&self) -> Vec<QueueStats> {
        let stats = |queue: longshore_core::queue::Queue| {
            let counts = self.counts(Some(queue.id));
            QueueStats {
                counts,
                oldest_waiting_at: (counts.ready_now.0 > 0).then_some(MOMENT),
                workers: u32::try_from(
                    self.serving(queue.id)
                        .filter(|worker| !worker.draining)
                        .count(),
                )
                .unwrap_or(u32::MAX),
                queue,
            }
        };
        self.queues().into_iter().map(stats).collect()
    }

    /// Counts over all queues.
    pub fn worker_metrics(&self) -> WorkerMetrics {
        let counts = self.counts(None);
        let never_started = |job: &&Job| {
            job.state() == State::Failed
                && job
                    .attempts
                    .last()
                    .is_some_and(|last| last.started_at.is_none())
        };
        WorkerMetrics {
            queue_depth: counts.queue_depth,
            ready_now: counts.ready_now,
            scheduled_future: counts.scheduled_future,
            launching: counts.launching,
            running: counts.running,
            launch_failed: count(self.jobs.values().filter(never_started).count()),
        }
    }

    fn counts(&self, queue: Option<QueueId>) -> QueueCounts {
        let mut counts = QueueCounts::default();
        for job in self.jobs.values() {
            if queue.is_some_and(|queue| queue != job.queue) {
                continue;
            }
            match &job.place {
                Place::Waiting(waiting) => match waiting.due {
                    Due::InLine(_) | Due::Passed(..) => counts.ready_now.0 += 1,
                    Due::Later => counts.scheduled_future.0 += 1,
                    Due::Never => {}
                },
                Place::Live(live) if live.started => counts.running.0 += 1,
                Place::Live(_) => counts.launching.0 += 1,
                Place::Settled { .. } => {}
            }
        }
        counts.queue_depth.0 = counts.ready_now.0 + counts.scheduled_future.0;
        counts
    }

    /// Ended jobs by how they ended, those states only that there are.
    pub fn settled_counts(&self) -> BTreeMap<State, Count> {
        let mut counts = BTreeMap::new();
        for state in self
            .jobs
            .values()
            .map(Job::state)
            .filter(|state| state.is_terminal())
        {
            counts.entry(state).or_insert(Count(0)).0 += 1;
        }
        counts
    }
}

fn fits(filter: &JobFilter, summary: &JobSummary, job: &Job) -> bool {
    let holds = |text: Option<&String>, part: &str| text.is_some_and(|text| text.contains(part));
    let is_found = |part: &String| {
        holds(summary.name.as_ref(), part)
            || holds(summary.image.as_ref(), part)
            || summary.command.iter().any(|word| word.contains(part))
    };
    (filter.states.is_empty() || filter.states.contains(&summary.state))
        && filter
            .queue
            .as_ref()
            .is_none_or(|queue| *queue == summary.queue)
        && filter
            .labels
            .iter()
            .all(|(key, value)| job.spec.labels.get(key) == Some(value))
        && filter
            .name
            .as_ref()
            .is_none_or(|name| holds(summary.name.as_ref(), name))
        && filter.search.as_ref().is_none_or(is_found)
        && filter
            .exit_code
            .is_none_or(|code| summary.exit_code == Some(code))
}

fn count(number: usize) -> Count {
    Count(number as u64)
}
