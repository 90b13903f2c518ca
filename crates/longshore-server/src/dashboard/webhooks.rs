//! Webhooks, and the log of their deliveries.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use longshore_core::access::Role;
use longshore_core::store::Delivery;
use longshore_core::webhook::{DeliveryId, DeliveryState, Webhook, WebhookId};
use longshore_core::{JobId, Timestamp};
use serde::Deserialize;

use super::page::{Page, Shown, see, shown};
use super::session::Visitor;
use super::words::When;
use crate::app::App;

/// Deliveries of one page.
const PAGE: u32 = 50;

/// A webhook in a list.
struct WebhookRow {
    id: i64,
    name: String,
    url: String,
    enabled: bool,
    states: String,
    queue: Option<String>,
    created: When,
}

impl WebhookRow {
    fn new(webhook: &Webhook, now: Timestamp) -> Self {
        let states: Vec<&str> = webhook.wanted.states.iter().map(|s| s.as_str()).collect();
        Self {
            id: webhook.id.0,
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            enabled: webhook.enabled,
            states: if states.is_empty() {
                "ended".to_owned()
            } else {
                states.join(", ")
            },
            queue: webhook.wanted.queue.clone(),
            created: When::new(webhook.created_at, now),
        }
    }
}

/// A delivery in the log.
struct DeliveryRow {
    id: i64,
    webhook: String,
    job: i64,
    state: &'static str,
    at: When,
    /// How far it is, in words, and its style's.
    stand: &'static str,
    style: &'static str,
    tries: u32,
    next: Option<When>,
    problem: Option<String>,
}

impl DeliveryRow {
    fn new(delivery: &Delivery, names: &HashMap<WebhookId, &str>, now: Timestamp) -> Self {
        let name = names.get(&delivery.webhook);
        let (stand, style) = match delivery.delivery {
            DeliveryState::Waiting if delivery.problem.is_some() => ("sent again", "retrying"),
            DeliveryState::Waiting => ("waiting", "queued"),
            DeliveryState::Delivered => ("delivered", "completed"),
            DeliveryState::GivenUp => ("given up", "failed"),
        };
        Self {
            id: delivery.id.0,
            webhook: name.map_or_else(|| delivery.webhook.to_string(), |name| (*name).to_owned()),
            job: delivery.job.0,
            state: delivery.state.as_str(),
            at: When::new(delivery.at, now),
            stand,
            style,
            tries: delivery.tries,
            next: When::maybe(delivery.next_at, now),
            problem: delivery.problem.clone(),
        }
    }
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    webhook: Option<WebhookId>,
    job: Option<JobId>,
    before: Option<DeliveryId>,
}

#[derive(Template)]
#[template(path = "webhooks.html")]
struct ListPage {
    page: Page,
    webhooks: Vec<WebhookRow>,
    deliveries: Vec<DeliveryRow>,
    /// Which of them are shown, in words; nothing for all.
    which: Option<String>,
    /// Where older ones are.
    older: Option<String>,
}

impl ListPage {
    fn may_administer(&self) -> bool {
        self.page.role.may(Role::Admin)
    }
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let (now, webhooks, found) = tokio::try_join!(
        app.store.now(),
        app.store.webhooks(),
        app.store
            .deliveries(asked.webhook, asked.job, asked.before, PAGE)
    )?;
    let names: HashMap<_, _> = webhooks.iter().map(|w| (w.id, w.name.as_str())).collect();
    let mut of = Vec::new();
    let mut query = Vec::new();
    if let Some(webhook) = asked.webhook {
        of.push(format!("to {}", names.get(&webhook).unwrap_or(&"?")));
        query.push(format!("webhook={webhook}"));
    }
    if let Some(job) = asked.job {
        of.push(format!("of job {job}"));
        query.push(format!("job={job}"));
    }
    let is_full = found.len() >= PAGE as usize;
    let older = found.last().filter(|_| is_full).map(|last| {
        query.push(format!("before={}", last.id));
        format!("/webhooks?{}", query.join("&"))
    });
    let page = Page::new("Webhooks", "webhooks", &visitor);
    shown(&ListPage {
        // Addresses may hold secrets: as over HTTP, they are for operators.
        webhooks: if page.may_operate() {
            webhooks.iter().map(|w| WebhookRow::new(w, now)).collect()
        } else {
            Vec::new()
        },
        deliveries: found
            .iter()
            .map(|delivery| DeliveryRow::new(delivery, &names, now))
            .collect(),
        which: (!of.is_empty()).then(|| of.join(" ")),
        older,
        page,
    })
}

/// What a button sends.
#[derive(Deserialize)]
pub(super) struct Pressed {
    seal: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Enable,
    Disable,
}

pub(super) async fn switch(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((webhook, action)): Path<(WebhookId, Action)>,
    Form(Pressed { seal }): Form<Pressed>,
) -> Shown {
    visitor.check(&seal)?;
    visitor.caller.needs(Role::Admin, "changing a webhook")?;
    let enabled = matches!(action, Action::Enable);
    app.store.switch_webhook(webhook, enabled).await?;
    Ok(see("/webhooks"))
}

pub(super) async fn send(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(delivery): Path<DeliveryId>,
    Form(Pressed { seal }): Form<Pressed>,
) -> Shown {
    visitor.check(&seal)?;
    visitor
        .caller
        .needs(Role::Operator, "sending a delivery again")?;
    let delivery = app.store.send_again(delivery).await?;
    Ok(see(&format!("/webhooks?webhook={}", delivery.webhook)))
}
