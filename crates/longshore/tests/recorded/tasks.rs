//! Workers as plain tasks of one process, which do everything that a history can show.

use std::time::Duration;

use longshore::{JobSpec, Priority};
use longshore_core::attempt::{AttemptRecord, Exit};
use longshore_core::disposition::Disposition;
use longshore_core::executor::Handle;
use longshore_core::host::{Demand, HostFacts};
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    AcquireRequest, FenceOutcome, Finish, FinishOutcome, Lease, LeaseStatus, Leases as _,
    NewWorker, Reading as _, Registry as _, Store as _, Submissions as _,
};
use longshore_core::{HostId, WorkerId};
use longshore_history::{
    Arrow, AttemptNumber, Exercise, ExpectedEnd, ExpectedRuns, JobId as Id, JobState, Mark, RunId,
    Who,
};
use longshore_queue::Retrying;

use crate::scene::{QUEUE, Scene};

/// Looks at the store until nothing is left; far more than are ever needed.
const ROUNDS_MAX: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_share_a_recorded_store_pass_with_all_that_they_exercised() {
    let scene = Scene::with_limit(3).await;
    let crew = Crew::of(&scene).await;
    let mut jobs = Vec::new();
    for nth in 0..30 {
        let priority = Priority::new([50, 80][nth % 2]).expect("in range");
        let spec = JobSpec {
            priority,
            ..Scene::spec()
        };
        jobs.push(scene.submit(spec).await);
    }
    let soon = scene.store.now().await.expect("a clock") + Duration::from_millis(50);
    let scheduled = JobSpec {
        scheduled_for: Some(soon),
        ..Scene::spec()
    };
    jobs.push(scene.submit(scheduled).await);
    let cancelled = scene.submit(Scene::spec()).await;
    let outcome = crew.store.request_cancel(cancelled).await;
    outcome.expect("it waits");
    jobs.push(cancelled);

    // Both are sent before either is answered.
    let (one, two) = tokio::join!(crew.acquire(0, 1), crew.acquire(1, 1));
    crew.limit(2).await;
    let retried = one[0].key.job;
    crew.retry(one[0].clone()).await;
    crew.complete(two[0].clone()).await;
    crew.drain_with_work(2).await;
    crew.limit(3).await;
    crew.reach(3).await;

    let busy = [0, 1].map(|worker| {
        let crew = crew.clone();
        tokio::spawn(async move { crew.work(worker).await })
    });
    for task in busy {
        task.await.expect("no task panics");
    }
    scene.store.look_at_rest(true).await.expect("a look");

    let arrow = |from, to| Arrow::new(from, to);
    let must = Exercise {
        contention: true,
        limit_changes: true,
        lost_replies: false,
        take_overs: false,
        stale_writes: true,
        arrows: [
            arrow(JobState::Queued, JobState::Launching),
            arrow(JobState::Queued, JobState::Cancelled),
            arrow(JobState::Launching, JobState::Running),
            arrow(JobState::Running, JobState::Retrying),
            arrow(JobState::Retrying, JobState::Launching),
            arrow(JobState::Running, JobState::Completed),
        ]
        .into(),
        waiting_lines: true,
        schedules: true,
        retries: true,
        drains: true,
        rest: true,
    };
    let expectation = scene.expectation(&jobs, must).await;
    let retried_id = Id(retried.0);
    let expectation =
        expectation.with_job(retried_id, ExpectedRuns::exactly(2), ExpectedEnd::Completed);
    let never = ExpectedRuns::exactly(0);
    let expectation = expectation.with_job(Id(cancelled.0), never, ExpectedEnd::Any);
    scene.passes(&expectation);
    let counts = scene.store.settled_counts().await.expect("counts");
    assert_eq!(counts[&longshore::State::Completed].0, 31);
}

/// Three workers with one store.
#[derive(Clone)]
struct Crew {
    store: Retrying,
    scene_store: longshore_testkit::recording::Recording,
    queue: longshore_core::QueueId,
    host: HostId,
    workers: [WorkerId; 3],
}

impl Crew {
    async fn of(scene: &Scene) -> Self {
        let facts = HostFacts {
            executor: "process".to_owned(),
            identity: "here".to_owned(),
            boot_id: "boot-1".to_owned(),
            name: "here".to_owned(),
        };
        let host = scene.store.register_host(&facts).await.expect("a host");
        let mut workers = Vec::new();
        for name in ["one", "two", "three"] {
            let new = NewWorker {
                name: name.to_owned(),
                hostname: "here".to_owned(),
                pid: std::process::id(),
                boot_id: "boot-1".to_owned(),
                version: "0.0.0".to_owned(),
                queues: vec![scene.queue],
                hosts: vec![host],
                capacity: 10,
                lease_ttl: Duration::from_mins(10),
            };
            workers.push(scene.store.register_worker(&new).await.expect("a worker"));
        }
        let store: std::sync::Arc<dyn longshore::Store> = std::sync::Arc::new(scene.store.clone());
        Self {
            store: Retrying::new(store),
            scene_store: scene.store.clone(),
            queue: scene.queue,
            host,
            workers: workers.try_into().expect("three"),
        }
    }

    async fn acquire(&self, worker: usize, want: u32) -> Vec<Lease> {
        let request = AcquireRequest {
            queue: self.queue,
            want,
            worker: self.workers[worker],
            acquire_number: 1,
            max_concurrent: None,
        };
        let acquired = self.store.acquire(request).await;
        acquired.expect("the store answers").leases
    }

    async fn limit(&self, limit: u32) {
        let change = QueueChange {
            max_concurrent: Some(Some(Limit(limit))),
            ..QueueChange::default()
        };
        let changed = self.store.change_queue(QUEUE, &change).await;
        changed.expect("the queue is there");
    }

    /// Launches, runs and ends an attempt, and then writes once more, too late.
    async fn play(&self, lease: Lease, record: AttemptRecord, then: Disposition) {
        let key = lease.key;
        let handle = Handle(format!("{}-{}", key.job, key.attempt));
        let fence = self
            .store
            .mark_launched(key, self.host, &handle, Demand::default());
        assert_eq!(fence.await.expect("an answer"), FenceOutcome::Stored);
        let held = self.store.mark_running(key).await.expect("an answer");
        assert_eq!(held, LeaseStatus::Held);
        self.mark(Mark::Start, &lease);
        tokio::task::yield_now().await;
        self.mark(Mark::End, &lease);
        let finish = Finish {
            lease: key,
            record,
            then,
        };
        let outcomes = self.store.finish(&[finish]).await.expect("an answer");
        assert_eq!(outcomes, [FinishOutcome::Finished]);
        let late = self.store.mark_running(key).await.expect("an answer");
        assert_eq!(late, LeaseStatus::Lost);
    }

    async fn complete(&self, lease: Lease) {
        let record = AttemptRecord::exited(Exit::with_code(0));
        let then = Disposition::Settle(TerminalState::Completed);
        self.play(lease, record, then).await;
    }

    /// The first retry of the `high_priority` strategy, at its shortest.
    async fn retry(&self, lease: Lease) {
        let record = AttemptRecord::exited(Exit::with_code(75));
        let then = Disposition::RetryAfter(Duration::from_millis(250));
        self.play(lease, record, then).await;
    }

    /// A worker that drains while its job runs, and then says goodbye.
    async fn drain_with_work(&self, worker: usize) {
        let id = self.workers[worker];
        let lease = self.acquire(worker, 1).await.remove(0);
        self.store.drain_worker(id).await.expect("it is known");
        let beat = self.store.heartbeat(id).await;
        beat.expect("it is alive");
        self.complete(lease).await;
        assert!(self.acquire(worker, 1).await.is_empty());
        self.store.stop_worker(id).await.expect("it is known");
    }

    /// Fills the limit with jobs that run at once.
    async fn reach(&self, limit: u32) {
        let leases = self.acquire(0, limit + 5).await;
        assert_eq!(leases.len(), limit as usize);
        for lease in &leases {
            let held = self.store.mark_running(lease.key).await;
            assert_eq!(held.expect("an answer"), LeaseStatus::Held);
            self.mark(Mark::Start, lease);
        }
        for lease in leases {
            self.mark(Mark::End, &lease);
            let finish = Finish {
                lease: lease.key,
                record: AttemptRecord::exited(Exit::with_code(0)),
                then: Disposition::Settle(TerminalState::Completed),
            };
            let outcomes = self.store.finish(&[finish]).await.expect("an answer");
            assert_eq!(outcomes, [FinishOutcome::Finished]);
        }
    }

    /// Takes and ends jobs until none is left, the scheduled and the retried ones too.
    async fn work(&self, worker: usize) {
        for _ in 0..ROUNDS_MAX {
            let leases = self.acquire(worker, 2).await;
            let idle = leases.is_empty();
            for lease in leases {
                self.complete(lease).await;
            }
            let metrics = self.store.worker_metrics().await.expect("counts");
            if metrics.queue_depth.0 == 0 && metrics.launching.0 + metrics.running.0 == 0 {
                return;
            }
            if idle {
                // What is left is due within half a second, by the database's clock.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        panic!("jobs are left after {ROUNDS_MAX} rounds");
    }

    fn mark(&self, mark: Mark, lease: &Lease) {
        let attempt = u32::try_from(lease.key.attempt.0).expect("they count from 1");
        let run = RunId {
            job: Id(lease.key.job.0),
            attempt: AttemptNumber(attempt),
        };
        let who = Who::new("task").expect("printable");
        self.scene_store.journal().mark(mark, run, who);
    }
}
