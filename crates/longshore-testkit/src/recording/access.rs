//! [`Access`], passed on: no promise of a history speaks of tokens or of the audit log.

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::store::{Access, StoreResult};

use super::Recording;

#[async_trait]
impl Access for Recording {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        self.inner.create_token(token).await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.inner.tokens().await
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        self.inner.token(token).await
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        self.inner.note_token_use(token).await
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        self.inner.revoke_token(token).await
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        self.inner.note_audit(notes).await
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        self.inner.audit_log(before, limit).await
    }
}
