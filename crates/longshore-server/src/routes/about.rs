//! The server itself, and counts over everything.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{About, Problem, Stats, WhoAmI};
use longshore_core::spec::FieldError;
use longshore_core::store::EndedInMinute;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::caller::Caller;
use crate::app::App;
use crate::error::Answer;
use crate::extract::Asked;

/// What this server is
#[utoipa::path(get, path = "/about", tag = "system",
    responses((status = 200, body = About), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn about(State(app): State<Arc<App>>) -> Answer<Json<About>> {
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: app.store.instance().await?.to_string(),
        store: app.store.kind().to_owned(),
        now: app.store.now().await?,
    }))
}

/// Whom the server takes the caller for
#[utoipa::path(get, path = "/whoami", tag = "access",
    responses((status = 200, body = WhoAmI), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn who_am_i(caller: Caller) -> Json<WhoAmI> {
    Json(WhoAmI {
        name: caller.name,
        role: caller.role,
        token: caller.token,
    })
}

/// Count jobs, over all queues and by queue
///
/// Counting stops at 100,000, so that it costs the same at any size.
#[utoipa::path(get, path = "/stats", tag = "system",
    responses((status = 200, body = Stats), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stats(State(app): State<Arc<App>>) -> Answer<Json<Stats>> {
    Ok(Json(Stats {
        metrics: app.store.worker_metrics().await?,
        settled: app.store.settled_counts().await?,
        queues: app.store.queue_stats().await?,
    }))
}

/// Of how many minutes.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct EndedQuery {
    /// From 1 to 1440; 60 when absent.
    #[param(minimum = 1, maximum = 1440)]
    minutes: Option<u32>,
}

/// Count the jobs that ended in each of the last minutes, oldest minute first
///
/// The last one is the current minute. Jobs that a person has retried since do not count.
#[utoipa::path(get, path = "/stats/ended", tag = "system", params(EndedQuery),
    responses((status = 200, body = Vec<EndedInMinute>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn ended_by_minute(
    State(app): State<Arc<App>>,
    Asked(query): Asked<EndedQuery>,
) -> Answer<Json<Vec<EndedInMinute>>> {
    let minutes = query.minutes.unwrap_or(60);
    if !(1..=EndedInMinute::MOST).contains(&minutes) {
        let problem = format!("must be from 1 to {}", EndedInMinute::MOST);
        return Err(FieldError::new("minutes", problem).into());
    }
    Ok(Json(app.store.ended_by_minute(minutes).await?))
}
