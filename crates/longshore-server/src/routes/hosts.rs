//! Hosts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{Code, HostBody, Nothing, Problem};
use longshore_core::HostId;
use longshore_core::host::Host;

use crate::app::App;
use crate::error::{Answer, Failure};
use crate::extract::{Named, Said};

/// List hosts, by name
#[utoipa::path(get, path = "/hosts", tag = "hosts",
    responses((status = 200, body = Vec<Host>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_hosts(State(app): State<Arc<App>>) -> Answer<Json<Vec<Host>>> {
    Ok(Json(app.store.hosts().await?))
}

/// Show a host
#[utoipa::path(get, path = "/hosts/{id}", tag = "hosts", params(("id" = HostId, Path, description = "The host's id")),
    responses((status = 200, body = Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show_host(
    State(app): State<Arc<App>>,
    Named(id): Named<HostId>,
) -> Answer<Json<Host>> {
    let hosts = app.store.hosts().await?;
    let host = hosts.into_iter().find(|host| host.id == id);
    host.map(Json)
        .ok_or_else(|| Failure::new(Code::UnknownHost, format!("there is no host {id}")))
}

/// Change a host
///
/// What is absent stays as it is. Once it is disabled or its capacity lowered, no launch goes by what was
/// said before; nothing that runs is stopped.
#[utoipa::path(patch, path = "/hosts/{id}", tag = "hosts", params(("id" = HostId, Path, description = "The host's id")), request_body = HostBody,
    responses((status = 200, body = Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn change_host(
    State(app): State<Arc<App>>,
    Named(id): Named<HostId>,
    Said(body, ..): Said<HostBody>,
) -> Answer<Json<Host>> {
    Ok(Json(app.store.change_host(id, &body.into()).await?))
}

/// Say that a host is gone for good, so that the jobs on it run again elsewhere
///
/// Nobody can look whether its containers still run: if it was only cut off, its jobs run twice until it is
/// reached again. Refused while a worker reaches it.
#[utoipa::path(post, path = "/hosts/{id}/forget", tag = "hosts", request_body = Nothing, params(("id" = HostId, Path, description = "The host's id")),
    responses((status = 200, body = Host), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn forget_host(
    State(app): State<Arc<App>>,
    Named(id): Named<HostId>,
) -> Answer<Json<Host>> {
    Ok(Json(app.store.forget_host(id).await?))
}
