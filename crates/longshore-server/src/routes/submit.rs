//! Submitting jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{
    IDEMPOTENCY_KEY, NewJob as NewJobBody, Nothing, PREFIX, Problem, SubmitMany, SubmittedMany,
};
use longshore_core::access::Role;
use longshore_core::spec::{FieldError, ValidSpec, parse_value};
use longshore_core::store::{MAX_SUBMITTED as MOST, StoreError, Submitted};
use longshore_core::{JobId, JobSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::access::audit::Subject;
use crate::access::caller::Caller;
use crate::app::App;
use crate::error::{Answer, Failure};
use crate::extract::{Named, NamedJob, Said};

/// The executor whose jobs run on the host itself, with the rights of its worker.
const ON_THE_HOST: &str = "process";

/// Submit a job
///
/// With `Idempotency-Key`, or the field `idempotency_key`, the same request again answers with the first
/// job, and 200. A job that runs on the host itself (in a queue of the executor `process`) needs the role
/// operator.
#[utoipa::path(post, path = "/jobs", tag = "jobs", request_body = NewJobBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the same request again answer with the first job")),
    responses((status = 201, body = Submitted, description = "It was submitted"), (status = 200, body = Submitted, description = "It was there already"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn submit_job(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Said(job, ..): Said<Value>,
) -> Answer<Response> {
    let mut job = parse_value(job)?;
    if let Some(key) = key_of(&headers)? {
        job = with_key(job, key, None)?;
    }
    let submitted = submit(&app, &caller, &[job]).await?;
    let [submitted] = submitted[..] else {
        return Err(StoreError::unexpected("submit", "one job, one answer").into());
    };
    Ok(created(submitted))
}

/// Submit jobs, all of them or none
///
/// With `Idempotency-Key` each job that has no key of its own gets this one and its place, so that the same
/// request again answers with the first jobs.
#[utoipa::path(post, path = "/jobs/batch", tag = "jobs", request_body = SubmitMany,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the same request again answer with the first jobs")),
    responses((status = 200, body = SubmittedMany), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn submit_jobs(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Said(Batch { jobs }, ..): Said<Batch>,
) -> Answer<Response> {
    if jobs.len() > MOST {
        let problem = format!("at most {MOST} in one request: submit them in parts");
        return Err(FieldError::new("jobs", problem).into());
    }
    let key = key_of(&headers)?;
    let mut specs = Vec::with_capacity(jobs.len());
    for (place, job) in jobs.into_iter().enumerate() {
        let read = parse_value(job).and_then(|job| match &key {
            Some(key) => with_key(job, key.clone(), Some(place)),
            None => Ok(job),
        });
        specs.push(read.map_err(|error| within(place, &error))?);
    }
    let jobs = submit(&app, &caller, &specs).await?;
    let subject = match (jobs.first(), jobs.last()) {
        (Some(first), Some(last)) if jobs.len() > 1 => format!("jobs {}..{}", first.job, last.job),
        (Some(one), _) => format!("job {}", one.job),
        _ => "no job".to_owned(),
    };
    let mut response = Json(SubmittedMany { jobs }).into_response();
    response.extensions_mut().insert(Subject(subject));
    Ok(response)
}

/// Submit a new job like this one
///
/// With the same spec but for its idempotency key, and due at once. For a job that failed, `retry` gives
/// the same job another attempt.
#[utoipa::path(post, path = "/jobs/{id}/requeue", tag = "jobs", request_body = Nothing,
    params(("id" = JobId, Path, description = "The job's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the same request again answer with the first job")),
    responses((status = 201, body = Submitted, description = "It was submitted"), (status = 200, body = Submitted, description = "It was there already"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn requeue_job(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Named(id): NamedJob,
) -> Answer<Response> {
    let submitted = again(&app, &caller, id, key_of(&headers)?).await?;
    Ok(created(submitted))
}

/// Jobs as they came, to be read one by one with errors that name the field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    jobs: Vec<Value>,
}

/// Submits a new job like this one.
pub(crate) async fn again(
    app: &App,
    caller: &Caller,
    like: JobId,
    key: Option<String>,
) -> Answer<Submitted> {
    let spec = JobSpec {
        idempotency_key: key,
        scheduled_for: None,
        ..app.store.show_job(like).await?.spec
    };
    let submitted = submit(app, caller, &[spec.validate()?]).await?;
    let [submitted] = submitted[..] else {
        return Err(StoreError::unexpected("submit", "one job, one answer").into());
    };
    Ok(submitted)
}

/// Submits them, as far as the caller's role goes.
pub(crate) async fn submit(
    app: &App,
    caller: &Caller,
    jobs: &[ValidSpec],
) -> Answer<Vec<Submitted>> {
    if !caller.role.may(Role::Operator) {
        let names: BTreeSet<&str> = jobs.iter().map(|job| job.spec().queue_name()).collect();
        for name in names {
            if app.store.queue(name).await?.executor == ON_THE_HOST {
                let what = format!("queue {name} runs jobs on the host itself, which");
                caller.needs(Role::Operator, &what)?;
            }
        }
    }
    Ok(app.store.submit(jobs).await?)
}

fn created(submitted: Submitted) -> Response {
    let status = if submitted.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = (status, Json(submitted)).into_response();
    let place = format!("{PREFIX}/jobs/{}", submitted.job);
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    let subject = Subject(format!("job {}", submitted.job));
    response.extensions_mut().insert(subject);
    response
}

fn key_of(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(key) = headers.get(HeaderName::from_static(IDEMPOTENCY_KEY)) else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) => Ok(Some(key.to_owned())),
        Err(_) => Err(Failure::from(FieldError::new(
            IDEMPOTENCY_KEY,
            "must have 1 to 200 characters, none of them a control character",
        ))),
    }
}

/// The job with the request's key, unless it has one of its own.
fn with_key(job: ValidSpec, key: String, place: Option<usize>) -> Result<ValidSpec, FieldError> {
    match (&job.spec().idempotency_key, place) {
        (Some(own), None) if *own != key => {
            let problem = "is another than the header Idempotency-Key: give one of them";
            return Err(FieldError::new("idempotency_key", problem));
        }
        (Some(_), _) => return Ok(job),
        (None, _) => {}
    }
    let hold = job.is_held();
    let key = match place {
        Some(place) => format!("{key}:{place}"),
        None => key,
    };
    let spec = JobSpec {
        idempotency_key: Some(key),
        ..job.into_spec()
    };
    Ok(spec.validate()?.held(hold))
}

fn within(place: usize, error: &FieldError) -> FieldError {
    let field = if error.field.is_empty() {
        format!("jobs[{place}]")
    } else {
        format!("jobs[{place}].{}", error.field)
    };
    FieldError::new(field, error.problem.clone())
}
