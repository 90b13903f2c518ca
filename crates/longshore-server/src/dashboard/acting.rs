//! What a page's buttons ask of a job. What can't be taken back is asked twice.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse as _;
use longshore_client::api::Code;
use longshore_core::JobId;
use longshore_core::access::Role;
use serde::Deserialize;

use super::page::{Page, Shown, shown};
use super::session::Visitor;
use crate::app::App;
use crate::error::Failure;

/// What can be asked of a job.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Cancel,
    Retry,
    Hold,
    Release,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    page: Page,
    job: JobId,
}

/// Asks once more.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((job, action)): Path<(JobId, Action)>,
) -> Shown {
    if action != Action::Cancel {
        return Err(Failure::new(Code::NotFound, "there is no such page").into());
    }
    app.store.states(&[job]).await?;
    let title = format!("Cancel job {job}?");
    shown(&Confirm {
        page: Page::new(title, "jobs", &visitor).still(),
        job,
    })
}

/// What a button sends.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
}

pub(super) async fn act(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((job, action)): Path<(JobId, Action)>,
    Form(Said { seal }): Form<Said>,
) -> Shown {
    visitor.check(&seal)?;
    visitor.caller.needs(Role::Submitter, "this")?;
    match action {
        Action::Cancel => app.store.request_cancel(job).await.map(drop)?,
        Action::Retry => app.store.retry_job(job).await?,
        Action::Hold => app.store.dequeue_job(job).await?,
        Action::Release => app.store.queue_job(job).await?,
    }
    let place = HeaderValue::from_str(&format!("/jobs/{job}"));
    let place = place.unwrap_or(HeaderValue::from_static("/jobs"));
    Ok((StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response())
}
