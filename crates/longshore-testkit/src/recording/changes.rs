//! [`Changes`], passed on: what a history records is what the verbs themselves did.

use async_trait::async_trait;
use longshore_core::store::{ChangeCursor, ChangePage, Changes, StoreResult};

use super::Recording;

#[async_trait]
impl Changes for Recording {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        self.inner.changes(after, limit).await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        self.inner.newest_change().await
    }
}
