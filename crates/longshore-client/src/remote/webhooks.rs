//! Webhooks over HTTP: what people ask about them. Reading the feed for them and sending is the server's.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::store::{ChangeCursor, Delivery, DueDelivery, StoreResult, Tried, Webhooks};
use longshore_core::webhook::{DeliveryId, NewDelivery, NewWebhook, Webhook, WebhookId};
use reqwest::Method;

use super::client::Client;
use super::store::{RemoteStore, not_over_http};
use crate::api::{DeliveryPage, DeliveryQuery, MadeWebhook, NewWebhookBody, WebhookBody};

impl Client {
    /// Makes a webhook.
    pub async fn create_webhook(&self, webhook: &NewWebhookBody) -> StoreResult<MadeWebhook> {
        self.send("make the webhook", Method::POST, "webhooks", webhook)
            .await
    }

    /// Deliveries of webhooks.
    pub async fn deliveries(&self, query: DeliveryQuery) -> StoreResult<DeliveryPage> {
        self.get("list deliveries", "deliveries", &query).await
    }
}

#[async_trait]
impl Webhooks for RemoteStore {
    async fn create_webhook(&self, _webhook: &NewWebhook) -> StoreResult<Webhook> {
        // The server draws the key: `Client::create_webhook`.
        not_over_http("make the webhook by its key")
    }

    async fn webhooks(&self) -> StoreResult<Vec<Webhook>> {
        self.client.get("list webhooks", "webhooks", &()).await
    }

    async fn switch_webhook(&self, webhook: WebhookId, enabled: bool) -> StoreResult<Webhook> {
        let path = format!("webhooks/{webhook}");
        let body = WebhookBody { enabled };
        self.client
            .send("switch the webhook", Method::PATCH, &path, &body)
            .await
    }

    async fn delete_webhook(&self, webhook: WebhookId) -> StoreResult<()> {
        let path = format!("webhooks/{webhook}");
        self.client
            .act_alone("take the webhook away", Method::DELETE, &path)
            .await
    }

    async fn webhook_cursor(&self) -> StoreResult<Option<ChangeCursor>> {
        not_over_http("look up the webhooks' cursor")
    }

    async fn note_deliveries(
        &self,
        _from: Option<&ChangeCursor>,
        _to: &ChangeCursor,
        _deliveries: &[NewDelivery],
    ) -> StoreResult<bool> {
        not_over_http("note deliveries")
    }

    async fn take_deliveries(
        &self,
        _limit: u32,
        _except: &[WebhookId],
        _at_least: Duration,
    ) -> StoreResult<Vec<DueDelivery>> {
        not_over_http("take deliveries")
    }

    async fn note_tried(&self, _tried: &Tried) -> StoreResult<bool> {
        not_over_http("note a try")
    }

    async fn send_again(&self, delivery: DeliveryId) -> StoreResult<Delivery> {
        let path = format!("deliveries/{delivery}/send");
        self.client
            .act("send the delivery again", Method::POST, &path)
            .await
    }

    async fn deliveries(
        &self,
        webhook: Option<WebhookId>,
        job: Option<JobId>,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let limit = Some(limit.clamp(1, Delivery::MAX_PAGE));
        let query = DeliveryQuery {
            webhook,
            job,
            before,
            limit,
        };
        Ok(self.client.deliveries(query).await?.deliveries)
    }
}
