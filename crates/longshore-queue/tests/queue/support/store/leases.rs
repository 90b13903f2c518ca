//! What workers do with jobs, in the store in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::limit::room;
use longshore_core::priority::Lane;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, Lease,
    LeaseKey, LeaseStatus, Leases, OutputAppend, StoreResult,
};
use longshore_core::usage::UsageNote;
use longshore_core::{HostId, JobId, Priority, QueueId, Token, WorkerId};
use tokio::time::Instant;

use super::super::faults::busy;
use super::{Inner, Job, LeaseRow, MemoryStore, Place};

#[async_trait]
impl Leases for MemoryStore {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.journal.note(format!("ask {}", request.queue));
        let acquired = self.verb("acquire", |inner| {
            if inner.stuck == Some(request.queue) {
                return Err(busy());
            }
            inner.stage();
            let queue = inner.queues.iter().find(|queue| queue.id == request.queue);
            let queue = queue.expect("workers ask for queues that exist").clone();
            let of_queue = |lease: &&LeaseRow| inner.jobs[&lease.key.job].queue == queue.id;
            let live = inner.leases.values().filter(of_queue).count();
            let live = u32::try_from(live).expect("a test has few");
            let mut left = room(
                request.want,
                live,
                queue.max_concurrent,
                request.max_concurrent,
            );
            let mut acquired = Acquired::default();
            let ready = |(id, job): (&JobId, &Job)| {
                (job.queue == queue.id && job.place == Place::Ready).then_some(*id)
            };
            let ids: Vec<JobId> = inner.jobs.iter().filter_map(ready).collect();
            for id in ids {
                if left == 0 || queue.paused {
                    break;
                }
                left -= 1;
                acquired.leases.push(lease(inner, id, &request));
            }
            acquired.due_in = inner.due_in(|job| job == request.queue);
            Ok(acquired)
        });
        let acquired = acquired.await?;
        if !acquired.leases.is_empty() {
            self.journal
                .note(format!("acquired {}", acquired.leases.len()));
        }
        Ok(acquired)
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        self.journal.note(format!("look {}", queues.len()));
        self.verb("look_ahead", |inner| {
            let now = Instant::now();
            let waits = |job: &Job| match job.place {
                Place::Ready => true,
                Place::Scheduled(due) => due <= now,
                _ => false,
            };
            let waiting = queues.iter().copied().filter(|queue| {
                let is_open = inner.queues.iter().any(|q| q.id == *queue && !q.paused);
                is_open && (inner.jobs.values()).any(|job| job.queue == *queue && waits(job))
            });
            Ok(Ahead {
                waiting: waiting.collect(),
                due_in: inner.due_in(|queue| queues.contains(&queue)),
            })
        })
        .await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        self.journal.note(format!("fence {}", lease.job));
        self.verb("mark_launched", |inner| {
            let status = inner.status(lease);
            if status != LeaseStatus::Lost {
                let used = inner.used(host);
                let known = inner.hosts.iter().find(|known| known.id == host);
                let known = known.expect("the worker entered it");
                if !known.enabled {
                    return Ok(FenceOutcome::HostDisabled);
                }
                if let Some(lack) = known.capacity.lack(used, demand) {
                    return Ok(FenceOutcome::HostFull(lack));
                }
                let row = inner.leases.get_mut(&lease.job).expect("it was just seen");
                row.handle = Some(handle.clone());
                row.placed = Some((host, demand));
            }
            Ok(match status {
                LeaseStatus::Held => FenceOutcome::Stored,
                LeaseStatus::CancelRequested => FenceOutcome::CancelRequested,
                LeaseStatus::Lost => FenceOutcome::Lost,
            })
        })
        .await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        self.journal.note(format!("note {}: {note}", lease.job));
        self.verb("note_launch", |inner| Ok(inner.status(lease)))
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

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        self.verb("note_usage", |inner| {
            for note in notes {
                if inner.status(note.lease) != LeaseStatus::Lost {
                    inner.usage.insert(note.lease.job, note.series.clone());
                }
            }
            Ok(())
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
                is_taken_over: lease.takeovers > 0,
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
        takeovers: 0,
        handle: None,
        placed: None,
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
