//! The list of jobs. What it shows is in its address, so that it can be kept and given to others.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as With;
use axum_extra::extract::Query;
use longshore_client::api::JobQuery;
use longshore_core::store::{JobFilter, JobSummary};
use longshore_core::{JobId, State, Timestamp};
use serde::Deserialize;

use super::page::{Page, Shown, shown};
use super::session::{Visitor, as_value};
use super::words::{When, between, command};
use crate::app::App;

/// Jobs on a page.
const PAGE: u32 = 50;
/// Pages that are looked at for what is rare, before the rest is left to the next.
const LOOKS: usize = 10;

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

/// What the address asks for. An empty field of a form asks for nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    state: Vec<State>,
    queue: String,
    label: String,
    search: String,
    exit_code: String,
    before: Option<JobId>,
}

impl Asked {
    fn query(&self) -> Result<JobQuery, longshore_core::spec::FieldError> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let exit_code = match text(&self.exit_code) {
            None => None,
            Some(code) => Some(code.parse().map_err(|_| {
                longshore_core::spec::FieldError::new("exit_code", "must be a number")
            })?),
        };
        Ok(JobQuery {
            state: self.state.clone(),
            queue: text(&self.queue),
            label: text(&self.label).into_iter().collect(),
            search: text(&self.search),
            exit_code,
            before: self.before,
            limit: Some(PAGE),
            ..JobQuery::default()
        })
    }

    /// The same list from another job on, as an address.
    fn from(&self, before: JobId) -> String {
        let mut parts: Vec<String> = self
            .state
            .iter()
            .map(|state| format!("state={state}"))
            .collect();
        let texts = [
            ("queue", &self.queue),
            ("label", &self.label),
            ("search", &self.search),
            ("exit_code", &self.exit_code),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        parts.extend(texts.map(|(name, text)| format!("{name}={}", as_value(text))));
        parts.push(format!("before={before}"));
        format!("/jobs?{}", parts.join("&"))
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
    asked: Asked,
    choices: Vec<Choice>,
    queues: Vec<String>,
    rows: Vec<Row>,
    older: Option<String>,
    is_filtered: bool,
}

pub(super) async fn show(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let mut filter: JobFilter = asked.query()?.into_filter()?;
    let (now, queues) = tokio::try_join!(app.store.now(), app.store.queues())?;
    let mut rows = Vec::new();
    let mut next = None;
    for _ in 0..LOOKS {
        let page = app.store.list_jobs(&filter).await?;
        rows.extend(page.jobs.iter().map(|job| Row::new(job, now)));
        next = page.next;
        filter.before = page.next;
        filter.limit = PAGE.saturating_sub(u32::try_from(rows.len()).unwrap_or(PAGE));
        if page.next.is_none() || filter.limit == 0 {
            break;
        }
    }
    let choices = State::ALL.map(|state| Choice {
        state: state.as_str(),
        is_chosen: asked.state.contains(&state),
    });
    let is_filtered = !asked.state.is_empty()
        || [&asked.queue, &asked.label, &asked.search, &asked.exit_code]
            .into_iter()
            .any(|text| !text.is_empty());
    shown(&ListPage {
        page: Page::new("Jobs", "jobs", &visitor),
        older: next.map(|before| asked.from(before)),
        choices: choices.into(),
        queues: queues.into_iter().map(|queue| queue.name).collect(),
        rows,
        is_filtered,
        asked,
    })
}
