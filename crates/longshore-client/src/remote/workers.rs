//! What workers do with a store: nothing of it goes over HTTP, but for a person's word on a host.

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::{Demand, Host};
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, OutputAppend, Recovery, StoreResult, TakeOverRequest, TakenOver,
};
use longshore_core::usage::UsageNote;
use longshore_core::{AttemptNumber, HostId, JobId, QueueId, WorkerId};
use reqwest::Method;

use super::store::{RemoteStore, not_over_http};

#[async_trait]
impl Leases for RemoteStore {
    async fn acquire(&self, _request: AcquireRequest) -> StoreResult<Acquired> {
        not_over_http("acquire")
    }

    async fn look_ahead(&self, _queues: &[QueueId]) -> StoreResult<Ahead> {
        not_over_http("look for jobs")
    }

    async fn mark_launched(
        &self,
        _lease: LeaseKey,
        _host: HostId,
        _handle: &Handle,
        _demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        not_over_http("mark the launch")
    }

    async fn note_launch(&self, _lease: LeaseKey, _note: &str) -> StoreResult<LeaseStatus> {
        not_over_http("note the launch")
    }

    async fn mark_running(&self, _lease: LeaseKey) -> StoreResult<LeaseStatus> {
        not_over_http("mark the job running")
    }

    async fn append_output(&self, _appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        not_over_http("append output")
    }

    async fn note_usage(&self, _notes: &[UsageNote]) -> StoreResult<()> {
        not_over_http("note usage")
    }

    async fn finish(&self, _finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        not_over_http("finish")
    }

    async fn check_leases(&self, _leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        not_over_http("check leases")
    }

    async fn leases_of(&self, _worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        not_over_http("list a worker's leases")
    }
}

#[async_trait]
impl Recovery for RemoteStore {
    async fn take_over(&self, _request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        not_over_http("take over")
    }

    async fn are_live(&self, _attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        not_over_http("ask which attempts are live")
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        not_over_http("ask whether the database is a copy")
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        let path = format!("hosts/{host}/forget");
        self.client
            .act("forget the host", Method::POST, &path)
            .await
    }
}
