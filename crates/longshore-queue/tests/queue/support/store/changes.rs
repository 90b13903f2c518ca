//! The feed of changes, which no worker reads.

use async_trait::async_trait;
use longshore_core::store::{ChangeCursor, ChangePage, Changes, StoreResult};

use super::{MemoryStore, unused};

#[async_trait]
impl Changes for MemoryStore {
    async fn changes(&self, _after: &ChangeCursor, _limit: u32) -> StoreResult<ChangePage> {
        unused("changes")
    }

    async fn newest_change(&self) -> StoreResult<ChangeCursor> {
        unused("newest_change")
    }
}
