//! Webhooks, and the log of their deliveries.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{
    DeliveryPage, DeliveryQuery, MadeWebhook, NewWebhookBody, Nothing, Problem, WebhookBody,
};
use longshore_core::spec::FieldError;
use longshore_core::store::Delivery;
use longshore_core::webhook::{DeliveryId, NewWebhook, Wanted, Webhook, WebhookId};

use crate::access::audit::Subject;
use crate::access::secret::signing_key;
use crate::app::App;
use crate::error::{Answer, nothing};
use crate::extract::{Asked, Named, Said};

/// List webhooks by name, without their keys
#[utoipa::path(get, path = "/webhooks", tag = "webhooks",
    responses((status = 200, body = Vec<Webhook>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_webhooks(State(app): State<Arc<App>>) -> Answer<Json<Vec<Webhook>>> {
    Ok(Json(app.store.webhooks().await?))
}

/// Make a webhook
///
/// From now on it is told of jobs that come into the states that it wants to hear of. The key of its
/// signatures stands in this answer and nowhere else.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = NewWebhookBody,
    responses((status = 201, body = MadeWebhook), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_webhook(
    State(app): State<Arc<App>>,
    Said(asked, ..): Said<NewWebhookBody>,
) -> Answer<Response> {
    let key = signing_key();
    let new = NewWebhook {
        name: asked.name,
        url: asked.url,
        wanted: Wanted {
            states: asked.states,
            queue: asked.queue,
        },
        key: key.clone(),
    };
    new.validate()?;
    app.webhooks
        .check(&new.url)
        .map_err(|problem| FieldError::new("url", problem))?;
    let webhook = app.store.create_webhook(&new).await?;
    let subject = Subject(format!("webhook {} {}", webhook.id, webhook.name));
    let made = MadeWebhook {
        webhook,
        key: key.0,
    };
    let mut response = (StatusCode::CREATED, Json(made)).into_response();
    response.extensions_mut().insert(subject);
    Ok(response)
}

/// Enable or disable a webhook
///
/// What happens while it is disabled is not made up for; what waits to be sent goes on later.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", request_body = WebhookBody,
    params(("id" = WebhookId, Path, description = "The webhook's number")),
    responses((status = 200, body = Webhook), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn switch_webhook(
    State(app): State<Arc<App>>,
    Named(id): Named<WebhookId>,
    Said(asked, ..): Said<WebhookBody>,
) -> Answer<Json<Webhook>> {
    Ok(Json(app.store.switch_webhook(id, asked.enabled).await?))
}

/// Take a webhook away, with its deliveries
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks",
    params(("id" = WebhookId, Path, description = "The webhook's number")),
    responses((status = 204, description = "It is gone"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete_webhook(
    State(app): State<Arc<App>>,
    Named(id): Named<WebhookId>,
) -> Answer<Response> {
    app.store.delete_webhook(id).await?;
    Ok(nothing())
}

/// List deliveries of webhooks, newest first
#[utoipa::path(get, path = "/deliveries", tag = "webhooks", params(DeliveryQuery),
    responses((status = 200, body = DeliveryPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_deliveries(
    State(app): State<Arc<App>>,
    Asked(query): Asked<DeliveryQuery>,
) -> Answer<Json<DeliveryPage>> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=Delivery::MAX_PAGE).contains(&limit) {
        return Err(FieldError::new("limit", "must be from 1 to 1000").into());
    }
    let DeliveryQuery {
        webhook,
        job,
        before,
        ..
    } = query;
    let found = app.store.deliveries(webhook, job, before, limit).await?;
    let is_full = found.len() as u64 >= u64::from(limit);
    let next = found.last().filter(|_| is_full).map(|delivery| delivery.id);
    Ok(Json(DeliveryPage {
        deliveries: found,
        next,
    }))
}

/// Send a delivery once more, now
///
/// One that was delivered or given up gets all its tries again.
#[utoipa::path(post, path = "/deliveries/{id}/send", tag = "webhooks", request_body = Nothing,
    params(("id" = DeliveryId, Path, description = "The delivery's number")),
    responses((status = 200, body = Delivery), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn send_again(
    State(app): State<Arc<App>>,
    Named(id): Named<DeliveryId>,
) -> Answer<Json<Delivery>> {
    Ok(Json(app.store.send_again(id).await?))
}
