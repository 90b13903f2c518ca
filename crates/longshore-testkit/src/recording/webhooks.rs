//! [`Webhooks`], passed on: no promise of a history speaks of them.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::{ChangeCursor, Delivery, DueDelivery, StoreResult, Tried, Webhooks};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};

use super::Recording;

#[async_trait]
impl Webhooks for Recording {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        self.inner.create_webhook(webhook).await
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.inner.webhooks().await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        self.inner.switch_webhook(webhook, enabled).await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        self.inner.delete_webhook(webhook).await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        self.inner.webhook_cursor().await
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        self.inner.note_deliveries(from, to, deliveries).await
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        self.inner.take_deliveries(limit, except, at_least).await
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        self.inner.note_tried(tried).await
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        self.inner.send_again(delivery).await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        self.inner.deliveries(webhook, job, before, limit).await
    }
}
