//! [`Recovery`], written down.

use async_trait::async_trait;
use longshore_core::host::Host;
use longshore_core::store::{Recovery, StoreResult, TakeOverRequest, TakenOver};
use longshore_core::{AttemptNumber, HostId, JobId};

use super::Recording;

#[async_trait]
impl Recovery for Recording {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        self.inner.take_over(request).await
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        self.inner.are_live(attempts).await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.inner.forget_host(host).await
    }
}
