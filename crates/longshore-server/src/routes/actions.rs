//! What is asked of one job that is there already.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use longshore_client::api::{Nothing, PriorityBody, Problem};
use longshore_core::spec::FieldError;
use longshore_core::store::CancelOutcome;
use longshore_core::{JobId, Priority};

use crate::app::App;
use crate::error::{Answer, nothing};
use crate::extract::{Named, NamedJob, Said};

/// Cancel a job
///
/// One that waits is cancelled at once; of one that runs its worker is asked to stop it. Again says how it
/// stands.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", request_body = Nothing, params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 200, body = CancelOutcome), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn cancel_job(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
) -> Answer<Json<CancelOutcome>> {
    Ok(Json(app.store.request_cancel(id).await?))
}

/// Give a job that failed, timed out or waits for a retry another attempt, now
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", request_body = Nothing, params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 204, description = "It is queued"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn retry_job(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
) -> Answer<Response> {
    app.store.retry_job(id).await?;
    Ok(nothing())
}

/// Take a waiting job out of its line, until it is released
#[utoipa::path(post, path = "/jobs/{id}/hold", tag = "jobs", request_body = Nothing, params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 204, description = "It is pending"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn hold_job(State(app): State<Arc<App>>, Named(id): NamedJob) -> Answer<Response> {
    app.store.dequeue_job(id).await?;
    Ok(nothing())
}

/// Put a job on hold back into its line
#[utoipa::path(post, path = "/jobs/{id}/release", tag = "jobs", request_body = Nothing, params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 204, description = "It is queued"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn release_job(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
) -> Answer<Response> {
    app.store.queue_job(id).await?;
    Ok(nothing())
}

/// Give a waiting job another priority
#[utoipa::path(put, path = "/jobs/{id}/priority", tag = "jobs", params(("id" = JobId, Path, description = "The job's id")), request_body = PriorityBody,
    responses((status = 204, description = "It stands at the end of its new line"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_priority(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
    Said(body, ..): Said<PriorityBody>,
) -> Answer<Response> {
    app.store.reprioritise(id, read(body.priority)?).await?;
    Ok(nothing())
}

/// A priority that was asked for.
pub(super) fn read(priority: i64) -> Result<Priority, FieldError> {
    Priority::new(priority).map_err(|error| FieldError::new("priority", error.to_string()))
}
