//! One host: what it is, how much may run on it, and what can be asked of it.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use longshore_client::api::Code;
use longshore_core::HostId;
use longshore_core::access::Role;
use longshore_core::host::{Host, HostChange};
use longshore_core::spec::{FieldError, parse_bytes};
use serde::Deserialize;

use super::confirm::Confirm;
use super::hosts::HostRow;
use super::page::{Page, Shown, Trouble, see, shown};
use super::session::Visitor;
use super::words::{read_cpus, typed_bytes, typed_cpus};
use crate::app::App;
use crate::error::Failure;

#[derive(Template)]
#[template(path = "host.html")]
struct HostPage {
    page: Page,
    host: HostRow,
    identity: String,
    boot: String,
    weight: i32,
    enabled: bool,
    /// Whether it may be said to be gone: nobody reaches it.
    may_forget: bool,
    /// As they are typed in.
    slots: String,
    memory: String,
    cpus: String,
}

async fn find(app: &App, id: HostId) -> Result<Host, Trouble> {
    let hosts = app.store.hosts().await?;
    let host = hosts.into_iter().find(|host| host.id == id);
    Ok(host.ok_or_else(|| Failure::new(Code::UnknownHost, format!("there is no host {id}")))?)
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<HostId>,
) -> Shown {
    let (now, host) = (app.store.now().await?, find(&app, id).await?);
    let typed = |number: Option<String>| number.unwrap_or_default();
    let capacity = host.capacity;
    shown(&HostPage {
        page: Page::new(format!("Host {}", host.facts.name), "hosts", &visitor),
        identity: host.facts.identity.clone(),
        boot: host.facts.boot_id.clone(),
        weight: host.weight,
        enabled: host.enabled,
        may_forget: host.problem.is_some() && host.forgotten_at.is_none(),
        slots: typed(capacity.slots.map(|slots| slots.to_string())),
        memory: typed(capacity.memory_bytes.map(typed_bytes)),
        cpus: typed(capacity.millicpus.map(typed_cpus)),
        host: HostRow::new(&host, now),
    })
}

/// What the form says; an empty field is no bound.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    slots: String,
    memory: String,
    cpus: String,
    weight: String,
}

impl Said {
    fn change(&self) -> Result<HostChange, FieldError> {
        let wrong = |field: &'static str, problem: &str| FieldError::new(field, problem);
        let slots = given(&self.slots).map(|text| {
            let slots = text.parse();
            slots.map_err(|_| wrong("slots", "must be a whole number, or nothing for no bound"))
        });
        let memory = given(&self.memory).map(|text| {
            parse_bytes(text).map_err(|error| FieldError::new("memory", error.to_string()))
        });
        let cpus = given(&self.cpus).map(|text| {
            let problem = "must be a number such as 1.5, or nothing for no bound";
            read_cpus(text).ok_or_else(|| wrong("cpus", problem))
        });
        let weight = self.weight.trim().parse();
        Ok(HostChange {
            slots: Some(slots.transpose()?),
            memory_bytes: Some(memory.transpose()?),
            millicpus: Some(cpus.transpose()?),
            weight: Some(weight.map_err(|_| wrong("weight", "must be a whole number"))?),
            ..HostChange::default()
        })
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<HostId>,
    Form(said): Form<Said>,
) -> Shown {
    visitor.check(&said.seal)?;
    visitor.caller.needs(Role::Operator, "changing a host")?;
    app.store.change_host(id, &said.change()?).await?;
    Ok(see(&format!("/hosts/{id}")))
}

/// What a button asks for.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Enable,
    Disable,
    Forget,
}

/// Asks once more.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((id, action)): Path<(HostId, Action)>,
) -> Shown {
    if action != Action::Forget {
        return Err(Failure::new(Code::NotFound, "there is no such page").into());
    }
    visitor.caller.needs(Role::Operator, "forgetting a host")?;
    let host = find(&app, id).await?;
    shown(&Confirm::of(
        Page::new(
            format!("Is host {} gone for good?", host.facts.name),
            "hosts",
            &visitor,
        ),
        "The jobs on it run again elsewhere. Nobody can look whether its containers still run: if it was only \
         cut off, its jobs run twice until it is reached again.",
        format!("/hosts/{id}/forget"),
        "It is gone: forget it",
        format!("/hosts/{id}"),
    ))
}

/// What a button sends.
#[derive(Deserialize)]
pub(super) struct Pressed {
    seal: String,
}

pub(super) async fn act(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path((id, action)): Path<(HostId, Action)>,
    Form(Pressed { seal }): Form<Pressed>,
) -> Shown {
    visitor.check(&seal)?;
    visitor.caller.needs(Role::Operator, "this")?;
    if action == Action::Forget {
        app.store.forget_host(id).await?;
    } else {
        let change = HostChange {
            enabled: Some(action == Action::Enable),
            ..HostChange::default()
        };
        app.store.change_host(id, &change).await?;
    }
    Ok(see(&format!("/hosts/{id}")))
}
