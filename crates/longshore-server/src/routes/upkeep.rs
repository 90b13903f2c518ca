//! Keeping the database in shape.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{Problem, PruneAnswer, PruneRequest};
use longshore_core::queue::Count;
use longshore_core::spec::FieldError;
use longshore_core::store::{Finding, Pruned, Retention};

use crate::app::App;
use crate::error::Answer;
use crate::extract::Said;

/// How many jobs one request takes away when nobody says, and at most.
const BATCH: u32 = 1000;
const MAX_BATCH: u32 = 10_000;

/// Take away jobs that ended long ago, with their attempts and output
///
/// One bounded batch: ask again until `more` is false.
#[utoipa::path(post, path = "/prune", tag = "system", request_body = PruneRequest,
    responses((status = 200, body = PruneAnswer), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn prune(
    State(app): State<Arc<App>>,
    Said(request, ..): Said<PruneRequest>,
) -> Answer<Json<PruneAnswer>> {
    let never = || FieldError::new("older_than", "must be a duration");
    let keep = request.older_than.limit().ok_or_else(never)?;
    let batch = request.batch.unwrap_or(BATCH);
    if !(1..=MAX_BATCH).contains(&batch) {
        let problem = format!("must be from 1 to {MAX_BATCH}");
        return Err(FieldError::new("batch", problem).into());
    }
    let Count(prunable) = app.store.prunable(keep).await?;
    let mut pruned = Pruned::default();
    if !request.dry_run {
        let retention = Retention { keep, batch };
        pruned = app.store.prune(retention).await?;
        if !pruned.more {
            app.store.tend_storage(retention).await?;
        }
    }
    Ok(Json(PruneAnswer { prunable, pruned }))
}

/// Every breach of the tables' own rules; empty is well
#[utoipa::path(get, path = "/breaches", tag = "system",
    responses((status = 200, body = Vec<String>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn breaches(State(app): State<Arc<App>>) -> Answer<Json<Vec<String>>> {
    Ok(Json(app.store.audit().await?))
}

/// What is to be said of the database: `longshore doctor`'s view
#[utoipa::path(get, path = "/findings", tag = "system",
    responses((status = 200, body = Vec<Finding>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn findings(State(app): State<Arc<App>>) -> Answer<Json<Vec<Finding>>> {
    Ok(Json(app.store.diagnose().await?))
}
