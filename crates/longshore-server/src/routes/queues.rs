//! Queues.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{NewQueueBody, Problem, QueueBody};
use longshore_core::queue::{Queue, QueueStats};
use longshore_core::store::{Store, StoreError, StoreResult};

use crate::access::audit::Subject;
use crate::app::App;
use crate::error::Answer;
use crate::extract::{Named, Said};

/// List queues, each with its counts
#[utoipa::path(get, path = "/queues", tag = "queues",
    responses((status = 200, body = Vec<QueueStats>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_queues(State(app): State<Arc<App>>) -> Answer<Json<Vec<QueueStats>>> {
    Ok(Json(app.store.queue_stats().await?))
}

/// Show a queue with its counts
#[utoipa::path(get, path = "/queues/{name}", tag = "queues", params(("name" = String, Path, description = "The queue's name")),
    responses((status = 200, body = QueueStats), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show_queue(
    State(app): State<Arc<App>>,
    Named(name): Named<String>,
) -> Answer<Json<QueueStats>> {
    Ok(Json(stats_of(&*app.store, &name).await?))
}

async fn stats_of(store: &dyn Store, name: &str) -> StoreResult<QueueStats> {
    // The store's own error for an unknown name suggests another.
    let queue = store.queue(name).await?;
    let all = store.queue_stats().await?;
    let of_queue = all.into_iter().find(|stats| stats.queue.id == queue.id);
    of_queue.ok_or_else(|| StoreError::unexpected("show the queue", "it is gone"))
}

/// Make a queue
#[utoipa::path(post, path = "/queues", tag = "queues", request_body = NewQueueBody,
    responses((status = 201, body = Queue), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_queue(
    State(app): State<Arc<App>>,
    Said(body, ..): Said<NewQueueBody>,
) -> Answer<Response> {
    let queue = app.store.create_queue(&body.into()).await?;
    let subject = Subject(format!("queues {}", queue.name));
    let mut response = (StatusCode::CREATED, Json(queue)).into_response();
    response.extensions_mut().insert(subject);
    Ok(response)
}

/// Change a queue
///
/// What is absent stays as it is. From the answer on no acquisition goes by the old limit.
#[utoipa::path(patch, path = "/queues/{name}", tag = "queues", params(("name" = String, Path, description = "The queue's name")), request_body = QueueBody,
    responses((status = 200, body = Queue), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_queue(
    State(app): State<Arc<App>>,
    Named(name): Named<String>,
    Said(body, ..): Said<QueueBody>,
) -> Answer<Json<Queue>> {
    Ok(Json(app.store.change_queue(&name, &body.into()).await?))
}
