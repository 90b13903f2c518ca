//! [`Leases`], repeated on contention; and what they tell of stale writes and of output, counted where
//! the answer comes, whether or not its caller is still there.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, OutputAppend, StoreResult,
};
use longshore_core::usage::UsageNote;
use longshore_core::{HostId, QueueId, WorkerId};

use super::Retrying;
use crate::metrics::stale_writes;

#[async_trait]
impl Leases for Retrying {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.call("acquire", move |store| async move {
            store.acquire(request).await
        })
        .await
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        let queues: Arc<[QueueId]> = queues.into();
        self.call("look_ahead", move |store| {
            let queues = Arc::clone(&queues);
            async move { store.look_ahead(&queues).await }
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
            async move {
                let answer = store.mark_launched(lease, host, &handle, demand).await;
                if matches!(answer, Ok(FenceOutcome::Lost)) {
                    stale_writes("mark_launched").increment(1);
                }
                answer
            }
        })
        .await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        let note: Arc<str> = note.into();
        self.call("note_launch", move |store| {
            let note = Arc::clone(&note);
            async move {
                let answer = store.note_launch(lease, &note).await;
                note_status("note_launch", &answer);
                answer
            }
        })
        .await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        self.call("mark_running", move |store| async move {
            let answer = store.mark_running(lease).await;
            note_status("mark_running", &answer);
            answer
        })
        .await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        let appends: Arc<[OutputAppend]> = appends.into();
        let meters = Arc::clone(&self.meters);
        self.call("append_output", move |store| {
            let (appends, meters) = (Arc::clone(&appends), Arc::clone(&meters));
            async move {
                let statuses = store.append_output(&appends).await?;
                meters.stored(&appends, &statuses);
                Ok(statuses)
            }
        })
        .await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        let notes: Arc<[UsageNote]> = notes.into();
        self.call("note_usage", move |store| {
            let notes = Arc::clone(&notes);
            async move { store.note_usage(&notes).await }
        })
        .await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        let finishes: Arc<[Finish]> = finishes.into();
        self.call("finish", move |store| {
            let finishes = Arc::clone(&finishes);
            async move {
                let outcomes = store.finish(&finishes).await?;
                let lost = |outcome: &&FinishOutcome| **outcome == FinishOutcome::LeaseLost;
                let refused = outcomes.iter().filter(lost).count() as u64;
                if refused > 0 {
                    stale_writes("finish").increment(refused);
                }
                Ok(outcomes)
            }
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

fn note_status(verb: &'static str, answer: &StoreResult<LeaseStatus>) {
    if matches!(answer, Ok(LeaseStatus::Lost)) {
        stale_writes(verb).increment(1);
    }
}
