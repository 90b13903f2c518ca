//! The same request for every job that fits a filter.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{BulkAnswer, BulkFailure, BulkRequest, JobAction, Problem};
use longshore_core::spec::FieldError;
use longshore_core::store::{CancelOutcome, JobFilter, Store, StoreError, StoreResult};
use longshore_core::{JobId, Priority, State as JobState};

use super::actions;
use crate::access::audit::Subject;
use crate::app::App;
use crate::error::Answer;
use crate::extract::Said;

/// Ask the same of every job that fits
///
/// Looks at one page of jobs (`filter.limit` of them, from `filter.before` on) and goes through it oldest
/// first. `next` of the answer is `before` of the next request; null means that it is done. Jobs that had
/// changed meanwhile are left alone, so that the same request again does nothing twice.
#[utoipa::path(post, path = "/jobs/bulk", tag = "jobs", request_body = BulkRequest,
    responses((status = 200, body = BulkAnswer), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn bulk(
    State(app): State<Arc<App>>,
    Said(request, ..): Said<BulkRequest>,
) -> Answer<Response> {
    let priority = priority_of(request.action, request.priority)?;
    let filter = within_reach(request.filter.into_filter()?, request.action)?;
    let mut answer = BulkAnswer::default();
    if request.dry_run {
        let page = app.store.list_jobs(&filter).await?;
        answer.done = page.jobs.iter().rev().map(|job| job.id).collect();
        answer.next = page.next;
    } else {
        one_page(&*app.store, request.action, priority, &filter, &mut answer).await?;
    }
    let dry = if request.dry_run { " (dry run)" } else { "" };
    let subject = format!("{:?} of {} jobs{dry}", request.action, answer.done.len());
    let mut response = Json(answer).into_response();
    response.extensions_mut().insert(Subject(subject));
    Ok(response)
}

/// The priority that belongs to the action: to `priority` alone.
pub(crate) fn priority_of(
    action: JobAction,
    priority: Option<i64>,
) -> Result<Priority, FieldError> {
    match (action, priority) {
        (JobAction::Priority, None) => Err(FieldError::new("priority", "must say which: 0 to 100")),
        (JobAction::Priority, Some(priority)) => actions::read(priority),
        (_, None) => Ok(Priority::NORMAL),
        (_, Some(_)) => {
            let problem = "belongs to the action priority alone";
            Err(FieldError::new("priority", problem))
        }
    }
}

/// Asks it of one page of the jobs that fit, oldest first, and adds what came of it. After an error that holds
/// what was done before, and asking again does the rest.
pub(crate) async fn one_page(
    store: &dyn Store,
    action: JobAction,
    priority: Priority,
    filter: &JobFilter,
    answer: &mut BulkAnswer,
) -> Answer<()> {
    let page = store.list_jobs(filter).await?;
    let jobs = page.jobs.iter().rev().map(|job| job.id);
    each(store, action, priority, jobs, answer).await?;
    answer.next = page.next;
    Ok(())
}

/// Asks it of each of these, likewise.
pub(crate) async fn each(
    store: &dyn Store,
    action: JobAction,
    priority: Priority,
    jobs: impl Iterator<Item = JobId>,
    answer: &mut BulkAnswer,
) -> Answer<()> {
    for job in jobs {
        match act(store, action, priority, job).await {
            Ok(true) => answer.done.push(job),
            Ok(false) | Err(StoreError::Illegal { .. } | StoreError::UnknownJob(_)) => {
                answer.moved_on.push(job);
            }
            // The next one would meet it, too.
            Err(error) if error.is_systems_fault() => return Err(error.into()),
            Err(error) => answer.failed.push(BulkFailure {
                job,
                problem: error.to_string(),
            }),
        }
    }
    Ok(())
}

/// The filter's states, of which it can be asked.
pub(crate) fn within_reach(filter: JobFilter, action: JobAction) -> Result<JobFilter, FieldError> {
    let possible = action.possible();
    let states: Vec<JobState> = if filter.states.is_empty() {
        possible.to_vec()
    } else {
        let asked = filter.states.iter().copied();
        asked.filter(|state| possible.contains(state)).collect()
    };
    if states.is_empty() {
        let possible: Vec<&str> = possible.iter().map(|state| state.as_str()).collect();
        let problem = format!("can be asked of jobs that are {}", possible.join(", "));
        return Err(FieldError::new("filter.state", problem));
    }
    Ok(JobFilter { states, ..filter })
}

/// Whether it was done; not, when there was nothing to do any more.
async fn act(
    store: &dyn Store,
    action: JobAction,
    priority: Priority,
    job: JobId,
) -> StoreResult<bool> {
    match action {
        JobAction::Cancel => {
            let outcome = store.request_cancel(job).await?;
            return Ok(!matches!(outcome, CancelOutcome::AlreadyEnded(_)));
        }
        JobAction::Retry => store.retry_job(job).await?,
        JobAction::Hold => store.dequeue_job(job).await?,
        JobAction::Release => store.queue_job(job).await?,
        JobAction::Priority => store.reprioritise(job, priority).await?,
    }
    Ok(true)
}
