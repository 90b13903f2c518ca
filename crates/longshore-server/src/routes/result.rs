//! A job's result: what it wrote to its standard output, if that is JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{Code, Problem};
use longshore_core::output::Stream;
use longshore_core::store::{JobDetail, OutputRequest, Store, StoreResult};
use longshore_core::{JobId, State as JobState};
use serde_json::Value;

use crate::app::App;
use crate::error::{Answer, Failure};
use crate::extract::{Named, NamedJob};

/// The largest standard output that is a result, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Standard error stands in between: so much of both is looked at.
const MAX_LOOK: usize = 16 * MAX_BYTES;

/// A job's result
///
/// What its last attempt wrote to its standard output, if it has completed and that is JSON of at most
/// 64 KiB.
#[utoipa::path(get, path = "/jobs/{id}/result", tag = "jobs", params(("id" = JobId, Path, description = "The job's id")),
    responses((status = 200, body = Value, description = "The result itself"), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn result(
    State(app): State<Arc<App>>,
    Named(id): NamedJob,
) -> Answer<Json<Value>> {
    let job = app.store.show_job(id).await?;
    let found = of(&*app.store, &job).await?;
    found.map(Json).ok_or_else(|| {
        let state = job.summary.state;
        let detail = if state == JobState::Completed {
            format!("job {id} wrote no JSON of at most 64 KiB to its standard output")
        } else {
            format!("job {id} is {state}, and has a result once it has completed")
        };
        Failure(Box::new(Problem {
            job: Some(id),
            state: Some(state),
            ..Problem::new(Code::NoResult, detail)
        }))
    })
}

/// The result of a job, if it has one.
pub(crate) async fn of(store: &dyn Store, job: &JobDetail) -> StoreResult<Option<Value>> {
    if job.summary.state != JobState::Completed {
        return Ok(None);
    }
    let mut stdout = Vec::new();
    let mut looked = 0;
    let mut request = OutputRequest {
        job: job.summary.id,
        attempt: None,
        after: None,
        max_bytes: 2 * 64 * 1024,
    };
    loop {
        let page = store.read_output(request).await?;
        for chunk in &page.chunks {
            looked += chunk.bytes.len();
            if chunk.stream == Stream::Stdout {
                if chunk.position != stdout.len() as u64 {
                    // The cap cut it.
                    return Ok(None);
                }
                stdout.extend_from_slice(&chunk.bytes);
            }
        }
        if stdout.len() > MAX_BYTES || looked > MAX_LOOK {
            return Ok(None);
        }
        request.attempt = page.attempt;
        match page.chunks.last() {
            Some(last) if !page.is_end => request.after = Some(last.cursor),
            _ => return Ok(serde_json::from_slice(&stdout).ok()),
        }
    }
}
