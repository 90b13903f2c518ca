//! Looking at jobs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{JobQuery, JobView, Problem, StatesAnswer, StatesRequest};
use longshore_core::JobId;
use longshore_core::access::Role;
use longshore_core::spec::FieldError;
use longshore_core::store::{JobFilter, JobPage, JobSummary, MAX_SUBMITTED};
use longshore_core::usage::AttemptUsage;
use serde::Deserialize;
use utoipa::IntoParams;

use super::result;
use crate::access::caller::Caller;
use crate::app::App;
use crate::error::Answer;
use crate::extract::{Asked, Named, NamedJob, Said};

/// List jobs, newest first
///
/// A page may have fewer jobs than `limit` though others follow; `next` is null at the end.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobQuery),
    responses((status = 200, body = JobPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_jobs(
    State(app): State<Arc<App>>,
    Asked(query): Asked<JobQuery>,
) -> Answer<Json<JobPage>> {
    let filter: JobFilter = query.into_filter()?;
    Ok(Json(app.store.list_jobs(&filter).await?))
}

/// How many.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DueQuery {
    /// At most this many, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// List jobs that wait for a time, the one that is due next first
///
/// That of their own, or that of their next retry.
#[utoipa::path(get, path = "/jobs/due", tag = "jobs", params(DueQuery),
    responses((status = 200, body = Vec<JobSummary>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn next_due(
    State(app): State<Arc<App>>,
    Asked(query): Asked<DueQuery>,
) -> Answer<Json<Vec<JobSummary>>> {
    let limit = query.limit.unwrap_or(JobQuery::DEFAULT_LIMIT);
    if !(1..=JobFilter::MAX_PAGE).contains(&limit) {
        let problem = format!("must be from 1 to {}", JobFilter::MAX_PAGE);
        return Err(FieldError::new("limit", problem).into());
    }
    Ok(Json(app.store.next_due(limit).await?))
}

/// How a job is shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ShowQuery {
    /// Whether values of the environment are shown; needs the role operator.
    show_env: bool,
}

/// Show everything about a job
///
/// What was asked for, its attempts, why it waits, and its result.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = JobId, Path, description = "The job's id"), ShowQuery),
    responses((status = 200, body = JobView), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show_job(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): NamedJob,
    Asked(query): Asked<ShowQuery>,
) -> Answer<Json<JobView>> {
    if query.show_env {
        caller.needs(Role::Operator, "seeing values of the environment")?;
    }
    let mut job = app.store.show_job(id).await?;
    let result = result::of(&*app.store, &job).await?;
    let env_masked = job.spec.mask_env(query.show_env);
    Ok(Json(JobView {
        job,
        env_masked,
        result,
    }))
}

/// Where jobs stand, in their order
///
/// An unknown job is an error. Changes nothing: it is a POST for the length of its question.
#[utoipa::path(post, path = "/jobs/states", tag = "jobs", request_body = StatesRequest,
    responses((status = 200, body = StatesAnswer), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn states(
    State(app): State<Arc<App>>,
    Said(asked, ..): Said<StatesRequest>,
) -> Answer<Json<StatesAnswer>> {
    if asked.jobs.len() > MAX_SUBMITTED {
        let problem = format!("at most {MAX_SUBMITTED} in one request");
        return Err(FieldError::new("jobs", problem).into());
    }
    let states = app.store.states(&asked.jobs).await?;
    Ok(Json(StatesAnswer { states }))
}

/// What each attempt of a job used over time
///
/// Attempts of less than some seconds have nothing. Samples are some five seconds apart at first, and further
/// apart in long attempts, so that there are 120 at most.
#[utoipa::path(get, path = "/jobs/{id}/usage", tag = "jobs", params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 200, body = Vec<AttemptUsage>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn job_usage(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
) -> Answer<Json<Vec<AttemptUsage>>> {
    app.store.states(&[id]).await?;
    Ok(Json(app.store.usage_of(id).await?))
}
