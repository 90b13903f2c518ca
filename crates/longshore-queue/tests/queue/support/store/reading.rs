//! What people look at, in the store in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::queue::{Count, QueueCounts, QueueStats, WorkerMetrics};
use longshore_core::store::{
    EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputPage, OutputRequest, Reading,
    StoreResult,
};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, QueueId, State};

use super::{Inner, Job, LeaseRow, MemoryStore, Place, unused};

#[async_trait]
impl Reading for MemoryStore {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        self.verb("list_jobs", |inner| {
            let before = filter.before.unwrap_or(JobId(i64::MAX));
            let waiting = inner.jobs.iter().rev().filter(|(id, job)| {
                **id < before && matches!(job.place, Place::Ready | Place::Scheduled(_))
            });
            let mut page = JobPage::default();
            for (id, job) in waiting {
                // Pages of two, so that there are several.
                if page.jobs.len() == 2 {
                    page.next = page.jobs.last().map(|job: &JobSummary| job.id);
                    break;
                }
                page.jobs.push(summary(*id, job));
            }
            Ok(page)
        })
        .await
    }

    async fn show_job(&self, _job: JobId) -> StoreResult<JobDetail> {
        unused("show_job")
    }

    async fn states(&self, _jobs: &[JobId]) -> StoreResult<Vec<State>> {
        unused("states")
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        self.verb("newest_job", |inner| Ok(inner.jobs.keys().last().copied()))
            .await
    }

    async fn read_output(&self, _request: OutputRequest) -> StoreResult<OutputPage> {
        unused("read_output")
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.verb("queue_stats", |inner| {
            let stats = inner.queues.iter().map(|queue| QueueStats {
                queue: queue.clone(),
                counts: counts(inner, |id| id == queue.id),
                workers: 1,
                oldest_waiting_at: None,
            });
            Ok(stats.collect())
        })
        .await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.verb("worker_metrics", |inner| {
            let counts = counts(inner, |_| true);
            Ok(WorkerMetrics {
                queue_depth: counts.queue_depth,
                ready_now: counts.ready_now,
                scheduled_future: counts.scheduled_future,
                launching: counts.launching,
                running: counts.running,
                launch_failed: Count(0),
            })
        })
        .await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        unused("settled_counts")
    }

    async fn ended_by_minute(&self, _: u32) -> StoreResult<Vec<EndedInMinute>> {
        unused("ended_by_minute")
    }

    async fn next_due(&self, _: u32) -> StoreResult<Vec<JobSummary>> {
        unused("next_due")
    }

    async fn usage_of(&self, _: JobId) -> StoreResult<Vec<AttemptUsage>> {
        Ok(Vec::new())
    }
}

fn counts(inner: &Inner, counted: impl Fn(QueueId) -> bool) -> QueueCounts {
    let jobs = || inner.jobs.values().filter(|job| counted(job.queue));
    let leases = || {
        let of_queue = |lease: &&LeaseRow| counted(inner.jobs[&lease.key.job].queue);
        inner.leases.values().filter(of_queue)
    };
    let ready = jobs().filter(|job| job.place == Place::Ready).count() as u64;
    let scheduled = jobs()
        .filter(|job| matches!(job.place, Place::Scheduled(_)))
        .count() as u64;
    let running = leases().filter(|lease| lease.started).count() as u64;
    QueueCounts {
        queue_depth: Count(ready + scheduled),
        ready_now: Count(ready),
        scheduled_future: Count(scheduled),
        launching: Count(leases().count() as u64 - running),
        running: Count(running),
    }
}

fn summary(id: JobId, job: &Job) -> JobSummary {
    let spec = job.spec.clone().unwrap_or_default();
    JobSummary {
        id,
        state: State::Queued,
        queue: "local".to_owned(),
        priority: spec.priority,
        name: spec.name,
        image: spec.image,
        command: spec.command,
        labels: spec.labels,
        attempts: job.attempts,
        exit_code: None,
        created_at: Timestamp::UNIX_EPOCH,
        due_at: matches!(job.place, Place::Scheduled(_)).then_some(Timestamp::MAX),
        started_at: None,
        ended_at: None,
    }
}
