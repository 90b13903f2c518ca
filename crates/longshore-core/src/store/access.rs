//! Who may speak to a server, and what was done: API tokens and the audit log.

use async_trait::async_trait;

use super::StoreResult;
use crate::access::{ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken};

/// Who may speak to a server, and what was done.
#[async_trait]
pub trait Access: Send + Sync + 'static {
    /// Makes a token. [`super::StoreError::TokenExists`] while another of its name is good.
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken>;

    /// Every token, newest first (at most [`ApiToken::MAX_LISTED`]): also those that are good for nothing any more.
    async fn tokens(&self) -> StoreResult<Vec<ApiToken>>;

    /// The token of this number, for whoever checks a secret; none if there never was one. Locks
    /// nothing.
    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>>;

    /// Notes that a token was used, unless that was noted within the last minute
    /// ([`ApiToken::USE_NOTED_EVERY`]). An unknown one is ignored.
    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()>;

    /// From now on it is good for nothing. Again changes nothing. An unknown one is an error.
    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken>;

    /// Writes lines of the audit log, in their order; of each what [`AuditNote::kept`] keeps.
    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()>;

    /// Lines of the audit log, newest first: those before `before`, and at most `limit` (0 counts as 1)
    /// or [`AuditEntry::MAX_PAGE`]. Lines older than [`AuditEntry::KEPT`] go when the storage is tended.
    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>>;
}
