//! Webhooks, which no worker knows of.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::{ChangeCursor, Delivery, DueDelivery, StoreResult, Tried, Webhooks};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};

use super::{MemoryStore, unused};

#[async_trait]
impl Webhooks for MemoryStore {
    async fn create_webhook(&self, _webhook: &NewWebhook) -> StoreResult<Webhook> {
        unused("create_webhook")
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        unused("webhooks")
    }

    async fn switch_webhook(&self, _webhook: WebhookId, _enabled: bool) -> StoreResult<Webhook> {
        unused("switch_webhook")
    }

    async fn delete_webhook(&self, _webhook: WebhookId) -> StoreResult<()> {
        unused("delete_webhook")
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        unused("webhook_cursor")
    }

    async fn note_deliveries(
        &self,
        _from: Option<&ChangeCursor>,
        _to: &ChangeCursor,
        _deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        unused("note_deliveries")
    }

    async fn take_deliveries(
        &self,
        _limit: u32,
        _except: &[WebhookId],
        _at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        unused("take_deliveries")
    }

    async fn note_tried(&self, _tried: &Tried) -> StoreResult<bool> {
        unused("note_tried")
    }

    async fn send_again(&self, _delivery: DeliveryId) -> StoreResult<Delivery> {
        unused("send_again")
    }

    async fn deliveries(
        &self,
        _webhook: Option<WebhookId>,
        _job: Option<JobId>,
        _before: Option<DeliveryId>,
        _limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        unused("deliveries")
    }
}
