//! The store's verbs. Those that no worker uses answer with an error.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::executor::Handle;
use longshore_core::host::{Host, HostFacts};
use longshore_core::limit::room;
use longshore_core::priority::Lane;
use longshore_core::queue::{
    Count, NewQueue, Queue, QueueChange, QueueCounts, QueueStats, WorkerMetrics,
};
use longshore_core::store::{
    AcquireRequest, Acquired, CancelOutcome, Finding, Finish, FinishOutcome, Heartbeat, HeldLease,
    JobDetail, JobFilter, JobPage, JobSummary, Lease, LeaseKey, LeaseStatus, Leases, NewJob,
    NewWorker, OutputAppend, OutputPage, OutputRequest, Pruned, Reading, Registry, Retention,
    Store, StoreError, StoreResult, Submissions, Submitted, Upkeep, Wakeups, Worker,
};
use longshore_core::template::Template;
use longshore_core::{HostId, InstanceId, JobId, Priority, QueueId, State, Token, WorkerId};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::store::{Inner, LeaseRow, MemoryStore, Place, WorkerRow};

fn unused<T>(verb: &'static str) -> StoreResult<T> {
    Err(StoreError::unexpected(verb, "no worker uses this verb"))
}

#[async_trait]
impl Leases for MemoryStore {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        let acquired = self.verb("acquire", |inner| {
            inner.stage();
            let queue = inner.queues.iter().find(|queue| queue.id == request.queue);
            let queue = queue.expect("workers ask for queues that exist").clone();
            let live = u32::try_from(inner.leases.len()).expect("a test has few");
            let mut left = room(
                request.want,
                live,
                queue.max_concurrent,
                request.max_concurrent,
            );
            let mut acquired = Acquired::default();
            let ready = |(id, job): (&JobId, &super::store::Job)| {
                (job.place == Place::Ready).then_some(*id)
            };
            let ids: Vec<JobId> = inner.jobs.iter().filter_map(ready).collect();
            for id in ids {
                if left == 0 || queue.paused || queue.name != "local" {
                    break;
                }
                left -= 1;
                acquired.leases.push(lease(inner, id, &request));
            }
            Ok(acquired)
        });
        let acquired = acquired.await?;
        if !acquired.leases.is_empty() {
            self.journal
                .note(format!("acquired {}", acquired.leases.len()));
        }
        Ok(acquired)
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        _host: HostId,
        handle: &Handle,
    ) -> StoreResult<LeaseStatus> {
        self.journal.note(format!("fence {}", lease.job));
        self.verb("mark_launched", |inner| {
            let status = inner.status(lease);
            if status != LeaseStatus::Lost {
                let row = inner.leases.get_mut(&lease.job).expect("it was just seen");
                row.handle = Some(handle.clone());
            }
            Ok(status)
        })
        .await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        self.verb("mark_running", |inner| {
            let status = inner.status(lease);
            if status != LeaseStatus::Lost {
                inner
                    .leases
                    .get_mut(&lease.job)
                    .expect("it was just seen")
                    .started = true;
            }
            Ok(status)
        })
        .await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        self.verb("append_output", |inner| {
            inner.append_calls += 1;
            let statuses = appends
                .iter()
                .map(|append| inner.status(append.lease))
                .collect();
            for append in appends {
                if inner.status(append.lease) != LeaseStatus::Lost {
                    let place = (append.lease, append.seq);
                    let stored = inner.output.entry(place).or_insert_with(|| append.clone());
                    assert_eq!(stored, append, "one number is one piece of output");
                }
            }
            Ok(statuses)
        })
        .await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        for finish in finishes {
            self.journal.note(format!("finish {}", finish.lease.job));
        }
        let outcomes = self.verb("finish", |inner| {
            inner.finish_calls.push(finishes.len());
            Ok(finishes.iter().map(|finish| inner.finish(finish)).collect())
        });
        let outcomes = outcomes.await?;
        self.hint();
        Ok(outcomes)
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        self.verb("check_leases", |inner| {
            Ok(leases.iter().map(|key| inner.status(*key)).collect())
        })
        .await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        self.verb("leases_of", |inner| {
            let of_worker = inner.leases.values().filter(|lease| lease.worker == worker);
            let held = of_worker.map(|lease| HeldLease {
                key: lease.key,
                acquire_number: lease.acquire_number,
            });
            Ok(held.collect())
        })
        .await
    }
}

fn lease(inner: &mut Inner, job: JobId, request: &AcquireRequest) -> Lease {
    inner.last_token += 1;
    let key = LeaseKey {
        job,
        attempt: inner.next_attempt(job),
        token: Token(inner.last_token),
    };
    let row = LeaseRow {
        key,
        worker: request.worker,
        acquire_number: request.acquire_number,
        handle: None,
        started: false,
        cancel_requested: false,
    };
    inner.leases.insert(job, row);
    let row = &inner.jobs[&job];
    Lease {
        key,
        queue: request.queue,
        lane: Lane::joining(Priority::NORMAL),
        spent: row.spent,
        claimed_at: Timestamp::UNIX_EPOCH,
        spec: row.spec.clone().map(Box::new),
    }
}

#[async_trait]
impl Registry for MemoryStore {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.verb("queues", |inner| Ok(inner.queues.clone())).await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        self.verb("queue", |inner| {
            let found = inner
                .queues
                .iter()
                .find(|queue| queue.name == name)
                .cloned();
            found.ok_or_else(|| StoreError::UnknownQueue {
                name: name.to_owned(),
                hint: "known: local, default".to_owned(),
            })
        })
        .await
    }

    async fn create_queue(&self, _queue: &NewQueue) -> StoreResult<Queue> {
        unused("create_queue")
    }

    async fn change_queue(&self, _name: &str, _change: &QueueChange) -> StoreResult<Queue> {
        unused("change_queue")
    }

    async fn register_worker(&self, _worker: &NewWorker) -> StoreResult<WorkerId> {
        self.verb("register_worker", |inner| {
            let id = WorkerId(inner.workers.keys().last().map_or(1, |last| last.0 + 1));
            inner.workers.insert(id, WorkerRow::default());
            Ok(id)
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        self.verb("heartbeat", |inner| {
            let row = inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered");
            if row.fenced {
                return Ok(Heartbeat::Fenced);
            }
            row.heartbeats += 1;
            row.last_heartbeat = Some(Instant::now());
            Ok(Heartbeat::Alive {
                drain: row.draining,
            })
        })
        .await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.verb("drain_worker", |inner| {
            inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered")
                .draining = true;
            Ok(())
        })
        .await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.verb("stop_worker", |inner| {
            inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered")
                .stopped = true;
            Ok(())
        })
        .await
    }

    async fn workers(&self, _all: bool) -> StoreResult<Vec<Worker>> {
        unused("workers")
    }

    async fn register_host(&self, _facts: &HostFacts) -> StoreResult<HostId> {
        self.verb("register_host", |_| Ok(HostId(1))).await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.verb("hosts", |_| Ok(Vec::new())).await
    }

    async fn save_template(&self, _name: &str, _body: &str) -> StoreResult<Template> {
        unused("save_template")
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        unused("templates")
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        self.verb("templates_named", |inner| {
            let find = |name: &String| {
                let found = inner
                    .templates
                    .iter()
                    .find(|template| template.name == *name);
                found.cloned().ok_or_else(|| StoreError::UnknownTemplate {
                    name: name.clone(),
                    hint: "there are none".to_owned(),
                })
            };
            names.iter().map(find).collect()
        })
        .await
    }
}

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
            let counts = counts(inner);
            let stats = inner.queues.iter().map(|queue| QueueStats {
                queue: queue.clone(),
                counts: if queue.id == QueueId(1) {
                    counts
                } else {
                    QueueCounts::default()
                },
                workers: 1,
            });
            Ok(stats.collect())
        })
        .await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.verb("worker_metrics", |inner| {
            let counts = counts(inner);
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
}

fn counts(inner: &Inner) -> QueueCounts {
    let jobs = || inner.jobs.values();
    let ready = jobs().filter(|job| job.place == Place::Ready).count() as u64;
    let scheduled = jobs()
        .filter(|job| matches!(job.place, Place::Scheduled(_)))
        .count() as u64;
    let running = inner.leases.values().filter(|lease| lease.started).count() as u64;
    QueueCounts {
        queue_depth: Count(ready + scheduled),
        ready_now: Count(ready),
        scheduled_future: Count(scheduled),
        launching: Count(inner.leases.len() as u64 - running),
        running: Count(running),
    }
}

fn summary(id: JobId, job: &super::store::Job) -> JobSummary {
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

#[async_trait]
impl Submissions for MemoryStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let ids = jobs.iter().map(|job| self.add(job.spec().clone()));
        Ok(ids
            .map(|id| Submitted {
                job: JobId(id),
                is_new: true,
            })
            .collect())
    }

    async fn queue_job(&self, _job: JobId) -> StoreResult<()> {
        self.verb("queue_job", |_| Ok(())).await
    }

    async fn dequeue_job(&self, _job: JobId) -> StoreResult<()> {
        unused("dequeue_job")
    }

    async fn reprioritise(&self, _job: JobId, _priority: Priority) -> StoreResult<()> {
        unused("reprioritise")
    }

    async fn request_cancel(&self, _job: JobId) -> StoreResult<CancelOutcome> {
        unused("request_cancel")
    }

    async fn retry_job(&self, _job: JobId) -> StoreResult<()> {
        unused("retry_job")
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn stage_due(&self, _limit: u32) -> StoreResult<u64> {
        self.journal.note("stage");
        self.verb("stage_due", |inner| Ok(inner.stage())).await
    }

    async fn expire_waiting(&self, _limit: u32) -> StoreResult<Vec<JobId>> {
        self.journal.note("expire");
        Ok(Vec::new())
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.journal
            .note(format!("prune {}s", retention.keep.as_secs()));
        Ok(Pruned::default())
    }

    async fn tend_storage(&self, _retention: Retention) -> StoreResult<()> {
        self.journal.note("tend");
        Ok(())
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        unused("audit")
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        unused("diagnose")
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.verb("instance", |_| Ok(InstanceId("test".to_owned())))
            .await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.verb("now", |_| Ok(Timestamp::UNIX_EPOCH)).await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        Box::new(Hints(self.hints.subscribe()))
    }

    async fn close(&self) {
        self.journal.note("close");
    }
}

struct Hints(watch::Receiver<u64>);

#[async_trait]
impl Wakeups for Hints {
    async fn wait(&mut self, at_most: Duration) -> bool {
        matches!(timeout(at_most, self.0.changed()).await, Ok(Ok(())))
    }
}
