//! What most cases need around them: a handle, a queue, a host and a worker, and short ways to
//! say the usual things. A short way panics when the store's answer is not the usual one.

mod parts;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use longshore_core::attempt::AttemptRecord;
use longshore_core::disposition::Disposition;
use longshore_core::host::Demand;
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::state::TerminalState;
use longshore_core::store::{
    AcquireRequest, FenceOutcome, Finish, FinishOutcome, JobDetail, Lease, LeaseKey, LeaseStatus,
    Store,
};
use longshore_core::{HostId, JobId, State, Timestamp, WorkerId};

pub use parts::{
    handle_of, host_facts, is_unknown_job, launch_failed, new_queue, new_worker, record_for,
    refused_in, stale,
};

use super::StoreHarness;
use super::seed::Seed;
use crate::wait::eventually;

/// The name of a scene's queue.
pub const QUEUE: &str = "line";

/// A delay after which nothing in a case ever comes due.
pub const LATER: Duration = Duration::from_hours(1);

/// A handle, and what a worker of one queue knows.
pub struct Scene {
    /// The handle.
    pub store: Arc<dyn Store>,
    /// A queue of its own, as it was when it was made.
    pub queue: Queue,
    /// A worker that serves it.
    pub worker: WorkerId,
    /// A host.
    pub host: HostId,
    calls: AtomicI64,
}

impl Scene {
    /// A scene whose queue has no limit.
    pub async fn open(h: &dyn StoreHarness) -> Self {
        Self::with_limit(h, None).await
    }

    /// A scene whose queue has a limit.
    pub async fn limited(h: &dyn StoreHarness, limit: u32) -> Self {
        Self::with_limit(h, Some(Limit(limit))).await
    }

    async fn with_limit(h: &dyn StoreHarness, max_concurrent: Option<Limit>) -> Self {
        Self::on_queue(h, QUEUE, max_concurrent).await
    }

    /// A scene on a queue of this name, which it makes.
    pub async fn on_queue(h: &dyn StoreHarness, name: &str, max_concurrent: Option<Limit>) -> Self {
        let store = h.open().await;
        let new = NewQueue {
            max_concurrent,
            ..new_queue(name)
        };
        let queue = store.create_queue(&new).await.expect("a new name");
        let host = store
            .register_host(&host_facts("machine-1"))
            .await
            .expect("a host");
        let worker = store
            .register_worker(&new_worker(&[queue.id]))
            .await
            .expect("a worker");
        Self {
            store,
            queue,
            worker,
            host,
            calls: AtomicI64::new(1),
        }
    }

    /// The same queue and host, through another handle and for another worker: another process.
    pub async fn twin(&self, h: &dyn StoreHarness) -> Self {
        let mut twin = self.sharing_worker(h).await;
        let worker = new_worker(&[self.queue.id]);
        twin.worker = twin.store.register_worker(&worker).await.expect("a worker");
        twin
    }

    /// The same queue, host and worker, through another handle.
    pub async fn sharing_worker(&self, h: &dyn StoreHarness) -> Self {
        Self {
            store: h.open().await,
            queue: self.queue.clone(),
            worker: self.worker,
            host: self.host,
            calls: AtomicI64::new(1),
        }
    }

    /// Submits one job.
    pub async fn submit(&self, seed: Seed) -> JobId {
        self.submit_all([seed]).await[0]
    }

    /// Submits jobs in one call.
    pub async fn submit_all(&self, seeds: impl IntoIterator<Item = Seed>) -> Vec<JobId> {
        let jobs: Vec<_> = seeds
            .into_iter()
            .map(|seed| seed.build_in(&self.queue.name))
            .collect();
        let answers = self
            .store
            .submit(&jobs)
            .await
            .expect("valid jobs for a known queue");
        answers.into_iter().map(|submitted| submitted.job).collect()
    }

    /// A request for `want` jobs, under the next acquire number.
    pub fn request(&self, want: u32) -> AcquireRequest {
        AcquireRequest {
            queue: self.queue.id,
            want,
            worker: self.worker,
            acquire_number: self.calls.fetch_add(1, Ordering::Relaxed),
            max_concurrent: None,
        }
    }

    /// Acquires up to `want` jobs.
    pub async fn acquire(&self, want: u32) -> Vec<Lease> {
        self.store
            .acquire(self.request(want))
            .await
            .expect("acquire")
            .leases
    }

    /// Acquires up to `want` jobs; their ids in the order of the answer.
    pub async fn acquire_ids(&self, want: u32) -> Vec<JobId> {
        self.acquire(want)
            .await
            .iter()
            .map(|lease| lease.key.job)
            .collect()
    }

    /// Acquires one job, which must be there.
    pub async fn acquire_one(&self) -> Lease {
        let mut leases = self.acquire(1).await;
        assert_eq!(leases.len(), 1, "one job waits and may be acquired");
        leases.remove(0)
    }

    /// Submits a job, which must be the first of its line, and acquires it.
    pub async fn leased(&self, seed: Seed) -> LeaseKey {
        let job = self.submit(seed).await;
        let key = self.acquire_one().await.key;
        assert_eq!(key.job, job, "the job is the first of its line");
        key
    }

    /// Submits a job, acquires it, launches it and sees it run.
    pub async fn running(&self, seed: Seed) -> LeaseKey {
        let key = self.leased(seed).await;
        self.start(key).await;
        key
    }

    /// Says that the container was created and runs.
    pub async fn start(&self, key: LeaseKey) {
        self.start_on(key, Demand::default()).await;
    }

    /// The same, with what it takes of its host.
    pub async fn start_on(&self, key: LeaseKey, demand: Demand) {
        let fenced = self.mark_launched_on(key, self.host, demand).await;
        assert_eq!(fenced, FenceOutcome::Stored, "{key:?}");
        let status = self.store.mark_running(key).await.expect("mark running");
        assert_eq!(status, LeaseStatus::Held, "{key:?}");
    }

    /// Stores a handle with the lease.
    pub async fn mark_launched(&self, key: LeaseKey) -> FenceOutcome {
        self.mark_launched_on(key, self.host, Demand::default())
            .await
    }

    /// Stores a handle with the lease, on this host and with this demand.
    pub async fn mark_launched_on(
        &self,
        key: LeaseKey,
        host: HostId,
        demand: Demand,
    ) -> FenceOutcome {
        let handle = handle_of(key);
        self.store
            .mark_launched(key, host, &handle, demand)
            .await
            .expect("mark launched")
    }

    /// Finishes one attempt.
    pub async fn finish(
        &self,
        lease: LeaseKey,
        record: AttemptRecord,
        then: Disposition,
    ) -> FinishOutcome {
        let finish = Finish {
            lease,
            record,
            then,
        };
        self.store.finish(&[finish]).await.expect("finish")[0]
    }

    /// Finishes an attempt that the scene holds, with the record that goes with `then`.
    pub async fn end(&self, lease: LeaseKey, then: Disposition) {
        let outcome = self.finish(lease, record_for(then), then).await;
        assert_eq!(outcome, FinishOutcome::Finished, "{lease:?} {then:?}");
    }

    /// Ends the job of a lease that the scene holds.
    pub async fn settle(&self, lease: LeaseKey, state: TerminalState) {
        self.end(lease, Disposition::Settle(state)).await;
    }

    /// How one lease stands.
    pub async fn status(&self, lease: LeaseKey) -> LeaseStatus {
        self.store
            .check_leases(&[lease])
            .await
            .expect("check leases")[0]
    }

    /// Where a job stands.
    pub async fn state(&self, job: JobId) -> State {
        self.store.states(&[job]).await.expect("a known job")[0]
    }

    /// Everything about a job.
    pub async fn show(&self, job: JobId) -> JobDetail {
        self.store.show_job(job).await.expect("a known job")
    }

    /// Waits until the database's clock has passed a time.
    pub async fn wait_until(&self, time: Timestamp) {
        eventually("a time comes", async || {
            (self.store.now().await.expect("now") > time).then_some(())
        })
        .await;
    }

    /// Sets the queue's limit, or takes it away.
    pub async fn set_limit(&self, limit: Option<u32>) -> Queue {
        let max_concurrent = Some(limit.map(Limit));
        let change = QueueChange {
            max_concurrent,
            paused: None,
            ..QueueChange::default()
        };
        self.store
            .change_queue(&self.queue.name, &change)
            .await
            .expect("a known queue")
    }

    /// Pauses the queue, or lets it go on.
    pub async fn pause(&self, paused: bool) -> Queue {
        let change = QueueChange {
            max_concurrent: None,
            paused: Some(paused),
            ..QueueChange::default()
        };
        self.store
            .change_queue(&self.queue.name, &change)
            .await
            .expect("a known queue")
    }

    /// Lets the queue age its jobs after this time, or not.
    pub async fn set_ageing(&self, ageing: Option<Duration>) -> Queue {
        let change = QueueChange {
            ageing: Some(ageing),
            ..QueueChange::default()
        };
        self.store
            .change_queue(&self.queue.name, &change)
            .await
            .expect("a known queue")
    }

    /// Makes a job that stands in `state`, whatever else waits below priority 100.
    pub async fn job_in(&self, state: State) -> JobId {
        let first = || Seed::job().priority(100);
        let settled = |state| Disposition::Settle(state);
        let (lease, then) = match state {
            State::Pending => return self.submit(Seed::job().held()).await,
            State::Queued => return self.submit(Seed::job()).await,
            State::Launching => return self.leased(first()).await.job,
            State::Running => return self.running(first()).await.job,
            State::Retrying => (self.running(first()).await, Disposition::RetryAfter(LATER)),
            State::Completed => (
                self.running(first()).await,
                settled(TerminalState::Completed),
            ),
            State::Failed => (self.running(first()).await, settled(TerminalState::Failed)),
            State::TimedOut => (
                self.running(first()).await,
                settled(TerminalState::TimedOut),
            ),
            State::Cancelled => (
                self.running(first()).await,
                settled(TerminalState::Cancelled),
            ),
        };
        self.end(lease, then).await;
        lease.job
    }
}
