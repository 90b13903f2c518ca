//! Workers: who is there, and how busy.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use longshore_core::access::Role;
use longshore_core::store::Worker;
use longshore_core::{Timestamp, WorkerId};
use serde::Deserialize;

use super::confirm::Confirm;
use super::page::{Page, Shown, see, shown};
use super::session::Visitor;
use super::words::When;
use crate::app::App;

/// A worker in a list.
struct WorkerRow {
    id: i64,
    name: String,
    machine: String,
    version: String,
    /// How it stands, in a word that is also its style's.
    stand: &'static str,
    live: u32,
    capacity: u32,
    queues: String,
    started: When,
    heartbeat: When,
}

impl WorkerRow {
    fn new(worker: &Worker, now: Timestamp) -> Self {
        Self {
            id: worker.id.0,
            name: worker.name.clone(),
            machine: format!("{}, process {}", worker.hostname, worker.pid),
            version: worker.version.clone(),
            stand: stand(worker),
            live: worker.live,
            capacity: worker.capacity,
            queues: worker.queues.join(", "),
            started: When::new(worker.started_at, now),
            heartbeat: When::new(worker.heartbeat_at, now),
        }
    }
}

fn stand(worker: &Worker) -> &'static str {
    match worker {
        Worker {
            stopped_at: Some(_),
            ..
        } => "stopped",
        Worker { fenced: true, .. } => "fenced",
        Worker { alive: false, .. } => "silent",
        Worker { draining: true, .. } => "draining",
        _ => "alive",
    }
}

/// Which workers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    all: bool,
}

#[derive(Template)]
#[template(path = "workers.html")]
struct ListPage {
    page: Page,
    workers: Vec<WorkerRow>,
    all: bool,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(Asked { all }): Query<Asked>,
) -> Shown {
    let (now, workers) = tokio::try_join!(app.store.now(), app.store.workers(all))?;
    shown(&ListPage {
        page: Page::new("Workers", "workers", &visitor),
        workers: workers
            .iter()
            .map(|worker| WorkerRow::new(worker, now))
            .collect(),
        all,
    })
}

/// Asks once more.
pub(super) async fn ask(visitor: Visitor, Path(worker): Path<WorkerId>) -> Shown {
    visitor.caller.needs(Role::Operator, "draining a worker")?;
    shown(&Confirm::of(
        Page::new(format!("Drain worker {worker}?"), "workers", &visitor),
        "It takes no more jobs, and ends when those that it runs have ended. It can't be told to go on.",
        format!("/workers/{worker}/drain"),
        "Drain it",
        "/workers".to_owned(),
    ))
}

/// What the button sends.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
}

pub(super) async fn drain(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(worker): Path<WorkerId>,
    Form(Said { seal }): Form<Said>,
) -> Shown {
    visitor.check(&seal)?;
    visitor.caller.needs(Role::Operator, "draining a worker")?;
    app.store.drain_worker(worker).await?;
    Ok(see("/workers"))
}
