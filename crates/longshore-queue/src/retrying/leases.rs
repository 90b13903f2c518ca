//! [`Leases`], repeated on contention.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{
    AcquireRequest, Acquired, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, OutputAppend, StoreResult,
};
use longshore_core::{HostId, WorkerId};

use super::Retrying;

#[async_trait]
impl Leases for Retrying {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.call("acquire", move |store| async move {
            store.acquire(request).await
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
        let handle = handle.clone();
        self.call("mark_launched", move |store| {
            let handle = handle.clone();
            async move { store.mark_launched(lease, host, &handle, demand).await }
        })
        .await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        let note: Arc<str> = note.into();
        self.call("note_launch", move |store| {
            let note = Arc::clone(&note);
            async move { store.note_launch(lease, &note).await }
        })
        .await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        self.call("mark_running", move |store| async move {
            store.mark_running(lease).await
        })
        .await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        let appends: Arc<[OutputAppend]> = appends.into();
        self.call("append_output", move |store| {
            let appends = Arc::clone(&appends);
            async move { store.append_output(&appends).await }
        })
        .await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        let finishes: Arc<[Finish]> = finishes.into();
        self.call("finish", move |store| {
            let finishes = Arc::clone(&finishes);
            async move { store.finish(&finishes).await }
        })
        .await
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        let leases: Arc<[LeaseKey]> = leases.into();
        self.call("check_leases", move |store| {
            let leases = Arc::clone(&leases);
            async move { store.check_leases(&leases).await }
        })
        .await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        self.call("leases_of", move |store| async move {
            store.leases_of(worker).await
        })
        .await
    }
}
