//! What a page's buttons ask of a job. What can't be taken back is asked twice.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use longshore_client::api::{Code, JobAction};
use longshore_core::JobId;
use longshore_core::access::Role;
use serde::Deserialize;

use super::confirm::Confirm;
use super::page::{Page, Shown, see, shown};
use super::session::Visitor;
use super::words::typed_priority;
use crate::access::audit::Subject;
use crate::app::App;
use crate::error::Failure;
use crate::routes::{again, priority_of};

/// What can be asked of a job.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Cancel,
    Retry,
    Hold,
    Release,
    /// Give it another priority.
    Priority,
    /// Submit another like it.
    Again,
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
    shown(&Confirm::of(
        Page::new(title, "jobs", &visitor),
        "If it waits, it never runs. If it runs, its worker stops it. This can't be taken back.",
        format!("/jobs/{job}/cancel"),
        "Cancel the job",
        format!("/jobs/{job}"),
    ))
}

/// What a button sends.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    /// Of which no two pages have the same: a button that is pressed twice does what it does once.
    #[serde(default)]
    once: String,
    #[serde(default)]
    priority: String,
}

pub(super) async fn act(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((job, action)): Path<(JobId, Action)>,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Submitter, "this")?;
    let mut shows = job;
    match action {
        Action::Cancel => app.store.request_cancel(job).await.map(drop)?,
        Action::Retry => app.store.retry_job(job).await?,
        Action::Hold => app.store.dequeue_job(job).await?,
        Action::Release => app.store.queue_job(job).await?,
        Action::Priority => {
            let typed = typed_priority(&said.priority)?;
            let priority = priority_of(JobAction::Priority, Some(typed))?;
            app.store.reprioritise(job, priority).await?;
        }
        Action::Again => {
            let once = said.once;
            let key = (!once.is_empty()).then(|| format!("again:{job}:{once}"));
            shows = again(&app, &visitor.caller, job, key).await?.job;
        }
    }
    let mut response = see(&format!("/jobs/{shows}"));
    if shows != job {
        let subject = Subject(format!("job {shows}"));
        response.extensions_mut().insert(subject);
    }
    Ok(response)
}
