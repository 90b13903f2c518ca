//! Making and changing queues.

use std::collections::BTreeMap;

use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, OnHostLost, Queue, QueueChange};
use longshore_core::spec::{FieldError, Timeout, format_duration};

use super::show::{limit_words, selector_words};
use crate::args::{LabelArg, parse_bound};
use crate::context::Context;
use crate::exit::Refused;
use crate::output::{Out, words};

#[derive(clap::Args, Debug)]
pub(super) struct Create {
    /// Its name: lower-case letters, digits and . _ -
    name: String,
    /// What its jobs run on
    #[arg(long, value_name = "KIND", default_value = "process", value_parser = ["docker", "process"])]
    executor: String,
    /// The most of its jobs at once [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    max_concurrent: Option<u32>,
    /// A label that a host must carry to get its jobs; repeatable
    #[arg(long = "host-label", value_name = "KEY=VALUE")]
    host_labels: Vec<LabelArg>,
    /// After waiting this long a job moves up one priority, and again after each further time, so
    /// that none waits for ever behind more urgent ones; or none [default: none]
    #[arg(long, value_name = "DURATION", value_parser = parse_bound)]
    ageing: Option<Timeout>,
}

#[derive(clap::Args, Debug)]
pub(super) struct Set {
    /// Its name
    name: String,
    /// The most of its jobs at once: a number, or none
    #[arg(long, value_name = "LIMIT")]
    max_concurrent: Option<LimitArg>,
    /// A label that a host must carry from now on, or KEY- for one that it need no longer;
    /// repeatable
    #[arg(long = "host-label", value_name = "KEY=VALUE")]
    host_labels: Vec<LabelArg>,
    /// What becomes of jobs on a host that nobody reaches any more: they wait for it, or run again
    /// elsewhere a minute later, when one that was only cut off may still run them too
    #[arg(long, value_name = "POLICY", value_parser = ["wait", "retry"])]
    on_host_lost: Option<String>,
    /// After waiting this long a job moves up one priority, and again after each further time; or
    /// none. The wait counts from now
    #[arg(long, value_name = "DURATION", value_parser = parse_bound)]
    ageing: Option<Timeout>,
}

/// A limit, or the word that takes it away.
#[derive(Clone, Copy, Debug)]
pub(super) struct LimitArg(Option<Limit>);

impl std::str::FromStr for LimitArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        text.parse()
            .map(|limit| Self(Some(Limit(limit))))
            .map_err(|_| "a limit is a number, or none".to_owned())
    }
}

/// Makes a queue.
pub(super) async fn create(context: &mut Context, create: Create) -> anyhow::Result<()> {
    let change = QueueChange {
        ageing: create.ageing.map(Timeout::limit),
        ..QueueChange::default()
    };
    check(&change)?;
    let queue = new_queue(create)?;
    let store = context.store().await?;
    let mut made = store.create_queue(&queue).await?;
    if change.ageing.is_some() {
        made = store.change_queue(&made.name, &change).await?;
    }
    say(&mut context.out, &made)
}

/// Changes what is given.
pub(super) async fn set(context: &mut Context, set: &Set) -> anyhow::Result<()> {
    let change = change_of(set)?;
    change_queue(context, &set.name, &change).await
}

/// Sets or takes away the limit.
pub(super) async fn limit(
    context: &mut Context,
    name: &str,
    limit: LimitArg,
) -> anyhow::Result<()> {
    let change = QueueChange {
        max_concurrent: Some(limit.0),
        ..QueueChange::default()
    };
    change_queue(context, name, &change).await
}

/// Pauses a queue, or lets it go on.
pub(super) async fn pause(context: &mut Context, name: &str, paused: bool) -> anyhow::Result<()> {
    let change = QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    change_queue(context, name, &change).await
}

fn new_queue(create: Create) -> anyhow::Result<NewQueue> {
    longshore_core::spec::check_name("queue", &create.name)
        .map_err(|error| Refused::usage(error.to_string()))?;
    let labels = create.host_labels.into_iter();
    let host_selector: Option<BTreeMap<_, _>> = labels
        .map(|label| Some((label.key, label.value?)))
        .collect();
    let host_selector = host_selector.ok_or_else(|| {
        Refused::usage("--host-label: a new queue asks for no label that could be taken away")
    })?;
    let max_concurrent = create.max_concurrent.map(Limit);
    Ok(NewQueue {
        name: create.name,
        executor: create.executor,
        host_selector,
        max_concurrent,
    })
}

fn change_of(set: &Set) -> anyhow::Result<QueueChange> {
    let labels = set.host_labels.iter().cloned();
    let host_selector: BTreeMap<_, _> = labels.map(|label| (label.key, label.value)).collect();
    let max_concurrent = set.max_concurrent.map(|LimitArg(limit)| limit);
    let on_host_lost = set.on_host_lost.as_deref().map(str::parse).transpose()?;
    let is_nothing = host_selector.is_empty()
        && max_concurrent.is_none()
        && on_host_lost.is_none()
        && set.ageing.is_none();
    if is_nothing {
        return Err(Refused::usage("there is nothing to change")
            .hint("`longshore queue set --help` shows what can be")
            .into());
    }
    let change = QueueChange {
        max_concurrent,
        paused: None,
        host_selector,
        on_host_lost,
        ageing: set.ageing.map(Timeout::limit),
    };
    check(&change)?;
    Ok(change)
}

/// Before the database is asked: what is wrong with the flags needs none.
fn check(change: &QueueChange) -> Result<(), Refused> {
    let refused =
        |fault: FieldError| Refused::usage(format!("--{}: {}", fault.field, fault.problem));
    change.validate().map_err(refused)
}

async fn change_queue(
    context: &mut Context,
    name: &str,
    change: &QueueChange,
) -> anyhow::Result<()> {
    let queue = context.store().await?.change_queue(name, change).await?;
    say(&mut context.out, &queue)
}

/// How a queue stands after a change.
fn say(out: &mut Out, queue: &Queue) -> anyhow::Result<()> {
    let paused = if queue.paused { ", paused" } else { "" };
    let lost = match queue.on_host_lost {
        OnHostLost::Wait => "",
        OnHostLost::Retry => ", run again when their host is lost",
    };
    let hosts = selector_words(queue).map(|labels| format!(", on hosts with {labels}"));
    let ageing = queue.ageing.map(format_duration);
    let ageing = ageing.map(|time| format!(", ageing every {time}"));
    out.line(&words::one_line(&format!(
        "{}: {}, {}{}{}{paused}{lost}",
        queue.name,
        queue.executor,
        limit_words(queue),
        hosts.unwrap_or_default(),
        ageing.unwrap_or_default(),
    )))
}
