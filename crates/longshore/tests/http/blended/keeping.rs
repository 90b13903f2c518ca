//! Keeping the database in shape, who may ask, who is told: each where it belongs.

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, StoredApiToken,
};
use longshore_core::queue::Count;
use longshore_core::store::{
    Access, Aged, ChangeCursor, Delivery, DueDelivery, Finding, Pruned, Retention, StoreResult,
    Tried, Upkeep, Webhooks,
};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};
use std::time::Duration;

use super::Blended;

#[async_trait]
impl Upkeep for Blended {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        self.direct.stage_due(limit).await
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        self.direct.expire_waiting(limit).await
    }

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        self.direct.age_waiting(limit).await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.http.prune(retention).await
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        self.http.prunable(keep).await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        self.direct.tend_storage(retention).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.http.audit().await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        self.http.diagnose().await
    }
}

#[async_trait]
impl Access for Blended {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        self.direct.create_token(token).await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.http.tokens().await
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        self.direct.token(token).await
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        self.direct.note_token_use(token).await
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        self.http.revoke_token(token).await
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        self.direct.note_audit(notes).await
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        self.http.audit_log(before, limit).await
    }
}

#[async_trait]
impl Webhooks for Blended {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        self.direct.create_webhook(webhook).await
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.http.webhooks().await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        self.http.switch_webhook(webhook, enabled).await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        self.http.delete_webhook(webhook).await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        self.direct.webhook_cursor().await
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        self.direct.note_deliveries(from, to, deliveries).await
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        self.direct.take_deliveries(limit, except, at_least).await
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        self.direct.note_tried(tried).await
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        self.http.send_again(delivery).await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        self.http.deliveries(webhook, job, before, limit).await
    }
}
