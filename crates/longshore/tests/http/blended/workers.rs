//! What workers do, past the server; and what there is of queues, workers and hosts.

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::{Demand, Host, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, Heartbeat, HeldLease,
    LeaseKey, LeaseStatus, Leases, NewWorker, OutputAppend, Recovery, Registry, StoreResult,
    TakeOverRequest, TakenOver, Worker,
};
use longshore_core::template::Template;
use longshore_core::usage::UsageNote;
use longshore_core::{AttemptNumber, HostId, JobId, QueueId, WorkerId};

use super::Blended;

#[async_trait]
impl Leases for Blended {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.direct.acquire(request).await
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        self.direct.look_ahead(queues).await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        self.direct.mark_launched(lease, host, handle, demand).await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        self.direct.note_launch(lease, note).await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        self.direct.mark_running(lease).await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        self.direct.append_output(appends).await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        self.direct.note_usage(notes).await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        self.direct.finish(finishes).await
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        self.direct.check_leases(leases).await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        self.direct.leases_of(worker).await
    }
}

#[async_trait]
impl Recovery for Blended {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        self.direct.take_over(request).await
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        self.direct.are_live(attempts).await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        self.direct.bears_anothers_name().await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.http.forget_host(host).await
    }
}

#[async_trait]
impl Registry for Blended {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.http.queues().await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        self.http.queue(name).await
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        self.http.create_queue(queue).await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        self.http.change_queue(name, change).await
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        self.direct.register_worker(worker).await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        self.direct.heartbeat(worker).await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.http.drain_worker(worker).await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.direct.stop_worker(worker).await
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.http.workers(all).await
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        self.direct.register_host(facts).await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        self.direct.note_host_problem(host, problem).await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        self.http.change_host(host, change).await
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        self.direct.set_worker_reach(worker, hosts, queues).await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.http.hosts().await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        self.http.save_template(name, body).await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        self.http.templates().await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        self.http.templates_named(names).await
    }
}
