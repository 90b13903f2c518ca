//! [`Access`], repeated on contention.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::store::{Access, StoreResult};

use super::Retrying;

#[async_trait]
impl Access for Retrying {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        let token = token.clone();
        self.call("create_token", move |store| {
            let token = token.clone();
            async move { store.create_token(&token).await }
        })
        .await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.call("tokens", |store| async move { store.tokens().await })
            .await
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        self.call(
            "token",
            move |store| async move { store.token(token).await },
        )
        .await
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        self.call("note_token_use", move |store| async move {
            store.note_token_use(token).await
        })
        .await
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        self.call("revoke_token", move |store| async move {
            store.revoke_token(token).await
        })
        .await
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        let notes: Arc<[AuditNote]> = notes.into();
        self.call("note_audit", move |store| {
            let notes = Arc::clone(&notes);
            async move { store.note_audit(&notes).await }
        })
        .await
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        self.call("audit_log", move |store| async move {
            store.audit_log(before, limit).await
        })
        .await
    }
}
