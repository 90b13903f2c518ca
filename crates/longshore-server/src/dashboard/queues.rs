//! Queues: their limits, and what is in them.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use longshore_core::Timestamp;
use longshore_core::queue::{Count, QueueStats};

use super::page::{Page, Shown, shown};
use super::session::Visitor;
use super::words::When;
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
