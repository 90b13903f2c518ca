//! [`Webhooks`], repeated on contention.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::{ChangeCursor, Delivery, DueDelivery, StoreResult, Tried, Webhooks};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};

use super::Retrying;

#[async_trait]
impl Webhooks for Retrying {
    async fn create_webhook(&self, webhook: &NewWebhook) -> StoreResult<Webhook> {
        let webhook = webhook.clone();
        self.call("create_webhook", move |store| {
            let webhook = webhook.clone();
            async move { store.create_webhook(&webhook).await }
        })
        .await
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.call("webhooks", |store| async move { store.webhooks().await })
            .await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        self.call("switch_webhook", move |store| async move {
            store.switch_webhook(webhook, enabled).await
        })
        .await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        self.call("delete_webhook", move |store| async move {
            store.delete_webhook(webhook).await
        })
        .await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        self.call("webhook_cursor", |store| async move {
            store.webhook_cursor().await
        })
        .await
    }

    async fn note_deliveries(
        &self,
        from: Option<&ChangeCursor>,
        to: &ChangeCursor,
        deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        let (from, to) = (from.cloned(), to.clone());
        let deliveries: Arc<[NewDelivery]> = deliveries.into();
        self.call("note_deliveries", move |store| {
            let (from, to, deliveries) = (from.clone(), to.clone(), Arc::clone(&deliveries));
            async move { store.note_deliveries(from.as_ref(), &to, &deliveries).await }
        })
        .await
    }

    async fn take_deliveries(
        &self,
        limit: u32,
        except: &[WebhookId],
        at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        let except: Arc<[WebhookId]> = except.into();
        self.call("take_deliveries", move |store| {
            let except = Arc::clone(&except);
            async move { store.take_deliveries(limit, &except, at_least).await }
        })
        .await
    }

    async fn note_tried(&self, tried: &Tried) -> StoreResult<bool> {
        let tried = tried.clone();
        self.call("note_tried", move |store| {
            let tried = tried.clone();
            async move { store.note_tried(&tried).await }
        })
        .await
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        self.call("send_again", move |store| async move {
            store.send_again(delivery).await
        })
        .await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        self.call("deliveries", move |store| async move {
            store.deliveries(webhook, job, before, limit).await
        })
        .await
    }
}
