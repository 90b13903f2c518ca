//! One queue: its limit and its rules, what is in it, and the form that changes it.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State as With};
use longshore_core::State;
use longshore_core::access::Role;
use longshore_core::limit::Limit;
use longshore_core::queue::{OnHostLost, QueueChange, QueueStats};
use longshore_core::spec::{FieldError, parse_duration};
use longshore_core::store::{JobFilter, StoreError};
use serde::Deserialize;

use super::jobs::Row;
use super::page::{Page, Shown, Trouble, see, shown};
use super::queues::QueueRow;
use super::session::{Visitor, as_value};
use super::words::typed_duration;
use crate::app::App;

/// Jobs in each of the short lists.
const SHORT: u32 = 10;

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    page: Page,
    queue: QueueRow,
    ageing: String,
    runs_again: bool,
    live: Vec<Row>,
    waiting: Vec<Row>,
}

/// The queue, or the store's own error, which suggests another name.
async fn find(app: &App, name: &str) -> Result<QueueStats, Trouble> {
    let queue = app.store.queue(name).await?;
    let all = app.store.queue_stats().await?;
    let found = all.into_iter().find(|stats| stats.queue.id == queue.id);
    Ok(found.ok_or_else(|| StoreError::unexpected("show the queue", "it is gone"))?)
}

pub(super) async fn show(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Shown {
    let stats = find(&app, &name).await?;
    let of = |states: &[State]| JobFilter {
        states: states.to_vec(),
        queue: Some(name.clone()),
        limit: SHORT,
        ..JobFilter::default()
    };
    let (live, waiting) = (
        of(&[State::Running, State::Launching]),
        of(&[State::Queued, State::Retrying]),
    );
    let (now, live, waiting) = tokio::try_join!(
        app.store.now(),
        app.store.list_jobs(&live),
        app.store.list_jobs(&waiting),
    )?;
    let ageing = stats.queue.ageing;
    shown(&QueuePage {
        page: Page::new(format!("Queue {name}"), "queues", &visitor),
        ageing: ageing.map(typed_duration).unwrap_or_default(),
        runs_again: stats.queue.on_host_lost == OnHostLost::Retry,
        queue: QueueRow::new(&stats, now),
        live: live.jobs.iter().map(|job| Row::new(job, now)).collect(),
        waiting: waiting.jobs.iter().map(|job| Row::new(job, now)).collect(),
    })
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    max_concurrent: String,
    ageing: String,
    on_host_lost: OnHostLost,
}

impl Said {
    fn change(&self) -> Result<QueueChange, FieldError> {
        let ageing = match self.ageing.trim() {
            "" => None,
            text => {
                let read = parse_duration(text);
                Some(read.map_err(|error| FieldError::new("ageing", error.to_string()))?)
            }
        };
        Ok(QueueChange {
            max_concurrent: Some(limit(&self.max_concurrent)?),
            ageing: Some(ageing),
            on_host_lost: Some(self.on_host_lost),
            ..QueueChange::default()
        })
    }
}

/// A limit as people type it; an empty field is none.
pub(super) fn limit(text: &str) -> Result<Option<Limit>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let problem = "must be a whole number, or nothing for no limit";
    let limit = text.parse().map(Limit);
    limit
        .map(Some)
        .map_err(|_| FieldError::new("max_concurrent", problem))
}

pub(super) async fn change(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Path(name): Path<String>,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Operator, "changing a queue")?;
    app.store.change_queue(&name, &said.change()?).await?;
    Ok(see(&format!("/queues/{}", as_value(&name))))
}

/// What a button asks for.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Pause,
    Resume,
}

/// What a button sends.
#[derive(Deserialize)]
pub(super) struct Pressed {
    seal: String,
}

pub(super) async fn act(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Path((name, action)): Path<(String, Action)>,
    Form(Pressed { seal }): Form<Pressed>,
) -> Shown {
    visitor.check(&seal)?;
    visitor.caller.needs(Role::Operator, "changing a queue")?;
    let change = QueueChange {
        paused: Some(matches!(action, Action::Pause)),
        ..QueueChange::default()
    };
    app.store.change_queue(&name, &change).await?;
    Ok(see(&format!("/queues/{}", as_value(&name))))
}
