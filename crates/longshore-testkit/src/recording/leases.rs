//! [`Leases`], written down.

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, OutputAppend, StoreResult,
};
use longshore_core::usage::UsageNote;
use longshore_core::{HostId, QueueId, WorkerId};
use longshore_history as history;
use longshore_history::store::{Acquire, Answer, Call};

use super::{Recording, words};

#[async_trait]
impl Leases for Recording {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        let call = Call::Acquire(Acquire {
            queue: history::QueueId(request.queue.0),
            worker: history::WorkerId(request.worker.0),
            want: request.want,
            limit: request.max_concurrent.map(|limit| limit.0),
        });
        self.call(call, self.inner.acquire(request), |acquired| {
            Answer::Acquire(acquired.leases.iter().map(words::leased).collect())
        })
        .await
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        self.inner.look_ahead(queues).await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        let sent = self.inner.mark_launched(lease, host, handle, demand);
        let call = Call::MarkLaunched(words::lease_ref(lease));
        self.call(call, sent, |outcome| {
            Answer::MarkLaunched(words::fenced(*outcome))
        })
        .await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        let call = Call::NoteLaunch(words::lease_ref(lease));
        self.call(call, self.inner.note_launch(lease, note), |status| {
            Answer::NoteLaunch(words::standing(*status))
        })
        .await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        let call = Call::MarkRunning(words::lease_ref(lease));
        self.call(call, self.inner.mark_running(lease), |status| {
            Answer::MarkRunning(words::standing(*status))
        })
        .await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        let leases = appends.iter().map(|append| words::lease_ref(append.lease));
        let call = Call::AppendOutput(leases.collect());
        self.call(call, self.inner.append_output(appends), |statuses| {
            Answer::AppendOutput(statuses.iter().copied().map(words::standing).collect())
        })
        .await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        self.inner.note_usage(notes).await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        let told = finishes
            .iter()
            .map(|finish| words::finish(finish.lease, &finish.record, finish.then));
        let call = Call::Finish(told.collect());
        self.call(call, self.inner.finish(finishes), |outcomes| {
            Answer::Finish(outcomes.iter().copied().map(words::finished).collect())
        })
        .await
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        self.inner.check_leases(leases).await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        self.inner.leases_of(worker).await
    }
}
