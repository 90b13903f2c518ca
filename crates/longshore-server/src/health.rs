//! Whether the server lives, and whether it can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::app::App;

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a probe learns.
#[derive(Serialize)]
struct Health {
    /// Whether it is well.
    ok: bool,
    /// Why not.
    reasons: Vec<String>,
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(lives))
        .route("/readyz", get(is_ready))
}

/// The process answers: that is all.
pub(crate) async fn lives() -> Response {
    answer(Vec::new())
}

/// The database answers, too.
async fn is_ready(State(app): State<Arc<App>>) -> Response {
    let asked = tokio::time::timeout(PATIENCE, app.store.now());
    answer(match asked.await {
        Ok(Ok(_)) => Vec::new(),
        Ok(Err(error)) => vec![format!("database: {error}")],
        Err(_) => vec![format!(
            "database: no answer within {} s",
            PATIENCE.as_secs()
        )],
    })
}

/// Well if there is no reason why not.
pub(crate) fn answer(reasons: Vec<String>) -> Response {
    let ok = reasons.is_empty();
    let status = if ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Health { ok, reasons })).into_response()
}
