//! The list of jobs. What it shows is in its address, so that it can be kept and given to others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::State as With;
use axum_extra::extract::Query;
use longshore_core::store::{JobFilter, JobSummary};
use longshore_core::{JobId, State, Timestamp};

use super::page::{Page, Shown, shown};
use super::session::Visitor;
use super::which::Which;
use super::words::{When, between, command};
use crate::app::App;

/// Jobs on a page.
const PAGE: u32 = 50;
/// What is rare is looked for for so long, before the rest is left to the next page: the last look that is
/// begun by then may take as long again among a million jobs, and a page is to be there within 150 ms.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// A job in a list.
pub(super) struct Row {
    pub id: JobId,
    pub state: &'static str,
    /// Its name, or else what it runs.
    pub title: String,
    pub command: String,
    pub image: Option<String>,
    pub queue: String,
    pub attempts: i32,
    pub exit_code: Option<i32>,
    pub created: When,
    pub due: Option<When>,
    /// How long its live or last attempt took.
    pub took: Option<String>,
}

impl Row {
    pub fn new(job: &JobSummary, now: Timestamp) -> Self {
        let typed = command(&job.command);
        let title = [job.name.as_deref(), Some(&*typed), job.image.as_deref()];
        let title = title.into_iter().flatten().find(|text| !text.is_empty());
        Self {
            id: job.id,
            state: job.state.as_str(),
            title: title.unwrap_or("job").to_owned(),
            image: job.image.clone(),
            queue: job.queue.clone(),
            attempts: job.attempts,
            exit_code: job.exit_code,
            created: When::new(job.created_at, now),
            due: When::maybe(job.due_at, now),
            took: job
                .started_at
                .map(|started| between(started, job.ended_at, now)),
            command: typed,
        }
    }
}

/// A state that can be asked for.
struct Choice {
    state: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct ListPage {
    page: Page,
    asked: Which,
    /// What the address asks for, for forms that go on with it.
    fields: Vec<(&'static str, String)>,
    choices: Vec<Choice>,
    queues: Vec<String>,
    rows: Vec<Row>,
    older: Option<String>,
    is_filtered: bool,
}

pub(super) async fn show(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<Which>,
) -> Shown {
    let mut filter: JobFilter = asked.query(PAGE)?.into_filter()?;
    let (now, queues) = tokio::try_join!(app.store.now(), app.store.queues())?;
    let mut rows = Vec::new();
    let begun = Instant::now();
    let next = loop {
        let page = app.store.list_jobs(&filter).await?;
        rows.extend(page.jobs.iter().map(|job| Row::new(job, now)));
        filter.before = page.next;
        filter.limit = PAGE.saturating_sub(u32::try_from(rows.len()).unwrap_or(PAGE));
        if page.next.is_none() || filter.limit == 0 || begun.elapsed() > PATIENCE {
            break page.next;
        }
    };
    let choices = State::ALL.map(|state| Choice {
        state: state.as_str(),
        is_chosen: asked.state.contains(&state),
    });
    let from = |before| Which {
        before,
        ..asked.clone()
    };
    shown(&ListPage {
        page: Page::new("Jobs", "jobs", &visitor),
        older: next.map(|next| format!("/jobs?{}", from(Some(next)).in_address())),
        fields: from(None).pairs(),
        choices: choices.into(),
        queues: queues.into_iter().map(|queue| queue.name).collect(),
        rows,
        is_filtered: asked.is_filtered(),
        asked,
    })
}
