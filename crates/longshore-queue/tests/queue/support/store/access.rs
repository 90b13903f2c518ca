//! Tokens and the audit log, which no worker knows of.

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::store::{Access, StoreResult};

use super::{MemoryStore, unused};

#[async_trait]
impl Access for MemoryStore {
    async fn create_token(&self, _token: &NewApiToken) -> StoreResult<ApiToken> {
        unused("create_token")
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        unused("tokens")
    }

    async fn token(&self, _token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        unused("token")
    }

    async fn note_token_use(&self, _token: ApiTokenId) -> StoreResult<()> {
        unused("note_token_use")
    }

    async fn revoke_token(&self, _token: ApiTokenId) -> StoreResult<ApiToken> {
        unused("revoke_token")
    }

    async fn note_audit(&self, _notes: &[AuditNote]) -> StoreResult<()> {
        unused("note_audit")
    }

    async fn audit_log(&self, _before: Option<i64>, _limit: u32) -> StoreResult<Vec<AuditEntry>> {
        unused("audit_log")
    }
}
