//! Hosts: where jobs run, and how much of them is taken.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use longshore_core::Timestamp;
use longshore_core::host::Host;

use super::page::{Page, Shown, shown};
use super::session::Visitor;
use super::words::{When, bytes};
use crate::app::App;

/// A host in a list.
pub(super) struct HostRow {
    pub id: i64,
    pub name: String,
    pub executor: String,
    /// How it stands, in a word that is also its style's.
    pub stand: &'static str,
    pub problem: Option<String>,
    pub labels: String,
    pub slots: u32,
    pub of_slots: Option<u32>,
    pub memory: String,
    pub of_memory: Option<String>,
    pub seen: When,
}

impl HostRow {
    pub fn new(host: &Host, now: Timestamp) -> Self {
        let labels = host.labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Self {
            id: host.id.0,
            name: host.facts.name.clone(),
            executor: host.facts.executor.clone(),
            stand: stand(host),
            problem: host.problem.clone(),
            labels: labels.join(", "),
            slots: host.used.slots,
            of_slots: host.capacity.slots,
            memory: bytes(host.used.memory_bytes),
            of_memory: host.capacity.memory_bytes.map(bytes),
            seen: When::new(host.last_seen_at, now),
        }
    }
}

fn stand(host: &Host) -> &'static str {
    match host {
        Host {
            forgotten_at: Some(_),
            ..
        } => "forgotten",
        Host { enabled: false, .. } => "disabled",
        Host {
            problem: Some(_), ..
        } => "unreachable",
        _ => "reachable",
    }
}

#[derive(Template)]
#[template(path = "hosts.html")]
struct ListPage {
    page: Page,
    hosts: Vec<HostRow>,
}

pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Shown {
    let (now, hosts) = tokio::try_join!(app.store.now(), app.store.hosts())?;
    shown(&ListPage {
        page: Page::new("Hosts", "hosts", &visitor),
        hosts: hosts.iter().map(|host| HostRow::new(host, now)).collect(),
    })
}
