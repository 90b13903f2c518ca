//! [`Recovery`], repeated on contention.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::host::Host;
use longshore_core::store::{Recovery, StoreResult, TakeOverRequest, TakenOver};
use longshore_core::{AttemptNumber, HostId, JobId};

use super::Retrying;

#[async_trait]
impl Recovery for Retrying {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        let request = Arc::new(request.clone());
        self.call("take_over", move |store| {
            let request = Arc::clone(&request);
            async move { store.take_over(&request).await }
        })
        .await
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        let attempts: Arc<[(JobId, AttemptNumber)]> = attempts.into();
        self.call("are_live", move |store| {
            let attempts = Arc::clone(&attempts);
            async move { store.are_live(&attempts).await }
        })
        .await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        self.call("bears_anothers_name", |store| async move {
            store.bears_anothers_name().await
        })
        .await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.call("forget_host", move |store| async move {
            store.forget_host(host).await
        })
        .await
    }
}
