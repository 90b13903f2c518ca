//! Queues: their limits, what is in them, and the form that makes one.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use longshore_core::Timestamp;
use longshore_core::access::Role;
use longshore_core::queue::{Count, NewQueue, QueueStats};
use serde::Deserialize;

use super::page::{Page, Shown, see, shown};
use super::queue::limit;
use super::session::{Visitor, as_value};
use super::words::When;
use crate::access::audit::Subject;
use crate::app::App;

/// A queue in a list.
pub(super) struct QueueRow {
    pub name: String,
    pub executor: String,
    pub paused: bool,
    pub limit: Option<u32>,
    /// Launching and running.
    pub live: u64,
    pub running: Count,
    pub launching: Count,
    pub ready: Count,
    pub later: Count,
    pub workers: u32,
    pub oldest: Option<When>,
    pub selector: String,
}

impl QueueRow {
    pub fn new(stats: &QueueStats, now: Timestamp) -> Self {
        let (queue, counts) = (&stats.queue, &stats.counts);
        let selector = queue.host_selector.iter();
        let selector: Vec<String> = selector
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Self {
            name: queue.name.clone(),
            executor: queue.executor.clone(),
            paused: queue.paused,
            limit: queue.max_concurrent.map(|limit| limit.0),
            live: counts.running.0 + counts.launching.0,
            running: counts.running,
            launching: counts.launching,
            ready: counts.ready_now,
            later: counts.scheduled_future,
            workers: stats.workers,
            oldest: When::maybe(stats.oldest_waiting_at, now),
            selector: selector.join(", "),
        }
    }
}

#[derive(Template)]
#[template(path = "queues.html")]
struct ListPage {
    page: Page,
    queues: Vec<QueueRow>,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Shown {
    let (now, queues) = tokio::try_join!(app.store.now(), app.store.queue_stats())?;
    shown(&ListPage {
        page: Page::new("Queues", "queues", &visitor),
        queues: queues
            .iter()
            .map(|queue| QueueRow::new(queue, now))
            .collect(),
    })
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    name: String,
    executor: String,
    max_concurrent: String,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Operator, "making a queue")?;
    let new = NewQueue {
        name: said.name.trim().to_owned(),
        executor: said.executor,
        host_selector: std::collections::BTreeMap::new(),
        max_concurrent: limit(&said.max_concurrent)?,
    };
    let queue = app.store.create_queue(&new).await?;
    let mut response = see(&format!("/queues/{}", as_value(&queue.name)));
    let subject = Subject(format!("queues {}", queue.name));
    response.extensions_mut().insert(subject);
    Ok(response)
}
