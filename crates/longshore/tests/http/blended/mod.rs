//! A store whose people's verbs go over HTTP and whose workers' verbs go to the database: as in a fleet.

mod keeping;
mod people;
mod workers;

use async_trait::async_trait;
use longshore_client::RemoteStore;
use longshore_core::store::{Store, StoreResult, Wakeups};
use longshore_core::{InstanceId, Timestamp};
use std::sync::Arc;

/// Each verb goes where it says.
pub struct Blended {
    pub http: RemoteStore,
    pub direct: Arc<dyn Store>,
    /// Kept for as long as the store is.
    pub served: crate::served::Served,
}

#[async_trait]
impl Store for Blended {
    fn kind(&self) -> &'static str {
        self.direct.kind()
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.http.instance().await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.http.now().await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        self.direct.wakeups()
    }

    async fn close(&self) {
        self.served.stop().await;
        self.direct.close().await;
    }
}
