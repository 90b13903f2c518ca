//! One job: how it stands, what became of its attempts, and what it wrote.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State as With};
use longshore_core::store::{AttemptView, JobDetail};
use longshore_core::usage::AttemptUsage;
use longshore_core::{JobId, State, Timestamp};
use serde::Deserialize;

use super::finding::{self, Found};
use super::jobs::Row;
use super::log::{self, Start};
use super::page::{Page, Shown, shown};
use super::session::Visitor;
use super::usage::{Curve, curves};
use super::words::{When, between, bytes, span};
use crate::app::App;
use crate::routes::result_of;

/// An attempt on its job's page.
struct Attempt {
    number: i32,
    /// How it stands or ended, in words.
    outcome: String,
    is_live: bool,
    exit: Option<String>,
    error: Option<String>,
    worker: i64,
    host: Option<i64>,
    handle: Option<String>,
    claimed: When,
    /// How long it took to launch.
    launched_in: Option<String>,
    /// How long it ran.
    ran: Option<String>,
    cpu: Option<String>,
    memory: Option<String>,
    /// What it used over time.
    curves: Vec<Curve>,
    left_out: Option<String>,
}

impl Attempt {
    fn new(view: &AttemptView, used: &[AttemptUsage], now: Timestamp) -> Self {
        let record = view.record.as_ref();
        let used = used.iter().find(|used| used.attempt == view.attempt);
        let outcome = match (record, view.started_at) {
            (Some(record), _) => record.outcome.as_str().replace('_', " "),
            (None, Some(_)) => "running".to_owned(),
            (None, None) => "launching".to_owned(),
        };
        let exit = record.and_then(|record| record.exit.as_ref()).map(|exit| {
            let said = match (exit.code, exit.signal) {
                (_, Some(signal)) => format!("signal {signal}"),
                (Some(code), None) => format!("exit code {code}"),
                (None, None) => "no exit code".to_owned(),
            };
            if exit.oom_killed {
                format!("{said}, out of memory")
            } else {
                said
            }
        });
        let usage = record.map(|record| record.usage);
        let omitted: u64 = record.map_or(0, |record| record.omitted_bytes.iter().sum());
        Self {
            number: view.attempt.0,
            outcome,
            is_live: record.is_none(),
            exit,
            error: record
                .and_then(|record| record.error.as_ref())
                .map(|error| error.text.clone()),
            worker: view.worker.0,
            host: view.host.map(|host| host.0),
            handle: view.handle.clone(),
            claimed: When::new(view.claimed_at, now),
            launched_in: view
                .started_at
                .map(|started| between(view.claimed_at, Some(started), now)),
            ran: view
                .started_at
                .map(|started| between(started, view.ended_at, now)),
            cpu: usage.and_then(|usage| usage.cpu()).map(span),
            memory: usage.and_then(|usage| usage.peak_memory_bytes).map(bytes),
            curves: used.map_or_else(Vec::new, |used| curves(&used.points)),
            left_out: (omitted > 0).then(|| bytes(omitted)),
        }
    }
}

/// What may be asked of a job in its state, at once; to cancel it is asked twice.
struct Button {
    action: &'static str,
    label: &'static str,
    is_quiet: bool,
}

fn buttons(state: State) -> Vec<Button> {
    let button = |action, label, is_quiet| Button {
        action,
        label,
        is_quiet,
    };
    let (again, hold) = (
        button("retry", "Try again", false),
        button("hold", "Hold", true),
    );
    match state {
        State::Pending => vec![button("release", "Release", false)],
        State::Queued => vec![hold],
        State::Retrying => vec![again, hold],
        State::Failed | State::TimedOut => vec![again],
        State::Launching | State::Running | State::Completed | State::Cancelled => vec![],
    }
}

/// What is looked for in the output.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    find: String,
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    page: Page,
    job: Row,
    priority: u8,
    labels: Vec<(String, String)>,
    why_waiting: Option<String>,
    cancel_requested: bool,
    ended: Option<When>,
    attempts: Vec<Attempt>,
    spec: String,
    result: Option<String>,
    output: Start,
    /// What was looked for in the output, if anything was.
    found: Option<Found>,
    buttons: Vec<Button>,
    may_cancel: bool,
    /// Whether it waits, so that its priority means something.
    may_rise: bool,
    /// Its deliveries to webhooks: one, if there are any.
    told: usize,
}

pub(super) async fn show(
    With(app): With<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<JobId>,
    Query(Asked { find }): Query<Asked>,
) -> Shown {
    let (now, mut detail, used, told) = tokio::try_join!(
        app.store.now(),
        app.store.show_job(id),
        app.store.usage_of(id),
        app.store.deliveries(None, Some(id), None, 1)
    )?;
    let output = log::start(&app, id).await?;
    let is_looked_for = !find.is_empty();
    let found = if find.is_empty() {
        None
    } else {
        Some(finding::find(&*app.store, id, &find).await?)
    };
    let result = result_of(&*app.store, &detail).await?;
    detail.spec.mask_env(false);
    let JobDetail {
        summary,
        spec,
        attempts_made,
        why_waiting,
        cancel_requested,
    } = detail;
    let pretty =
        |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let spec = serde_json::to_value(&spec).unwrap_or_default();
    let row = Row::new(&summary, now);
    let title = format!("Job {id}: {}", row.title);
    let page = Page::new(title, "jobs", &visitor);
    shown(&JobPage {
        // What was looked for is looked for once.
        page: if is_looked_for {
            page.still()
        } else {
            page.of_job(id)
        },
        job: row,
        priority: summary.priority.get(),
        labels: summary.labels.into_iter().collect(),
        why_waiting: why_waiting.map(|why| why.to_string()),
        cancel_requested,
        ended: When::maybe(summary.ended_at, now),
        attempts: attempts_made
            .iter()
            .rev()
            .map(|view| Attempt::new(view, &used, now))
            .collect(),
        spec: pretty(&spec),
        result: result.as_ref().map(pretty),
        output,
        found,
        buttons: buttons(summary.state),
        may_cancel: !summary.state.is_terminal(),
        may_rise: !summary.state.is_terminal() && !summary.state.is_live(),
        told: told.len(),
    })
}
