//! [`Changes`], repeated on contention.

use async_trait::async_trait;
use longshore_core::store::{ChangeCursor, ChangePage, Changes, StoreResult};

use super::Retrying;

#[async_trait]
impl Changes for Retrying {
    async fn changes(&self, after: &ChangeCursor, limit: u32) -> StoreResult<ChangePage> {
        let after = after.clone();
        self.call("changes", move |store| {
            let after = after.clone();
            async move { store.changes(&after, limit).await }
        })
        .await
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        self.call("newest_change", |store| async move {
            store.newest_change().await
        })
        .await
    }
}
