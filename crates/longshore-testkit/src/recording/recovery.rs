//! [`Recovery`], written down: what changes who holds a lease. Forgetting a host changes no job.

use async_trait::async_trait;
use longshore_core::host::Host;
use longshore_core::store::{Recovery, StoreResult, TakeOverRequest, TakenOver};
use longshore_core::{AttemptNumber, HostId, JobId};
use longshore_history as history;
use longshore_history::store::{Answer, Call, TakeOver};

use super::{Recording, words};

#[async_trait]
impl Recovery for Recording {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        let call = Call::TakeOver(TakeOver {
            worker: history::WorkerId(request.worker.0),
            want: request.want,
        });
        self.call(call, self.inner.take_over(request), |taken| {
            Answer::TakeOver(taken.iter().map(words::taken_over).collect())
        })
        .await
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        self.inner.are_live(attempts).await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        self.inner.bears_anothers_name().await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.inner.forget_host(host).await
    }
}
