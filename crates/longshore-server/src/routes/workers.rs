//! Workers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use longshore_client::api::{Nothing, Problem};
use longshore_core::WorkerId;
use longshore_core::store::Worker;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, nothing};
use crate::extract::{Asked, Named};

/// Which workers to list.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WorkersQuery {
    /// Those of the past too, at most 1,000.
    all: bool,
}

/// List workers, newest first
#[utoipa::path(get, path = "/workers", tag = "workers", params(WorkersQuery),
    responses((status = 200, body = Vec<Worker>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_workers(
    State(app): State<Arc<App>>,
    Asked(query): Asked<WorkersQuery>,
) -> Answer<Json<Vec<Worker>>> {
    Ok(Json(app.store.workers(query.all).await?))
}

/// Let a worker take no more jobs, and end when what it runs has ended
#[utoipa::path(post, path = "/workers/{id}/drain", tag = "workers", request_body = Nothing, params(("id" = WorkerId, Path, description = "The worker's id")),
    responses((status = 204, description = "It learns of it with its next heartbeat"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn drain_worker(
    State(app): State<Arc<App>>,
    Named(id): Named<WorkerId>,
) -> Answer<Response> {
    app.store.drain_worker(id).await?;
    Ok(nothing())
}
