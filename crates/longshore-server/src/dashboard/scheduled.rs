//! What is due later, the next first.

use std::sync::Arc;

use askama::Template;
use axum::extract::State as With;
use longshore_core::State;

use super::jobs::Row;
use super::page::{Page, Shown, shown};
use super::session::Visitor;
use crate::app::App;

/// Jobs on the page.
const PAGE: u32 = 100;

/// A job that is due later.
struct Due {
    row: Row,
    /// Whether it waits for its next retry, not for a time of its own.
    is_retry: bool,
}

#[derive(Template)]
#[template(path = "scheduled.html")]
struct ListPage {
    page: Page,
    due: Vec<Due>,
    /// Whether there may be more.
    is_full: bool,
}

pub(super) async fn show(With(app): With<Arc<App>>, visitor: Visitor) -> Shown {
    let (now, jobs) = tokio::try_join!(app.store.now(), app.store.next_due(PAGE))?;
    shown(&ListPage {
        page: Page::new("Scheduled", "scheduled", &visitor),
        is_full: jobs.len() >= PAGE as usize,
        due: jobs
            .iter()
            .map(|job| Due {
                is_retry: job.state == State::Retrying,
                row: Row::new(job, now),
            })
            .collect(),
    })
}
