//! `longshore queue`: the named lines that jobs wait in.

use std::collections::BTreeMap;

use clap::Subcommand;
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, Queue, QueueChange, QueueStats};
use longshore_core::spec::format_duration;
use longshore_core::store::Store;

use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output::table::{self, Column, Table};
use crate::output::{Out, words};

/// See and change queues
///
/// A queue names the executor that its jobs run on, and may limit how many run at once.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore queue limit local 3")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List queues with their counts
    #[command(after_help = "Example: longshore queue list")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show a queue
    #[command(after_help = "Example: longshore queue show local")]
    Show {
        /// Its name
        name: String,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make a queue
    #[command(
        after_help = "Example: longshore queue create night --executor process --max-concurrent 2"
    )]
    Create(Create),
    /// Limit how many of a queue's jobs run at once
    ///
    /// Over all workers, at every instant. A lower limit stops nothing that runs: it holds back
    /// new starts. 0 holds back every job.
    #[command(after_help = "Example: longshore queue limit local 3")]
    Limit {
        /// Its name
        name: String,
        /// A number, or none
        #[arg(value_name = "LIMIT")]
        limit: LimitArg,
    },
    /// Let nothing more of a queue start; what runs goes on
    #[command(after_help = "Example: longshore queue pause local")]
    Pause {
        /// Its name
        name: String,
    },
    /// Let a paused queue go on
    #[command(after_help = "Example: longshore queue resume local")]
    Resume {
        /// Its name
        name: String,
    },
}

#[derive(clap::Args, Debug)]
struct Create {
    /// Its name: lower-case letters, digits and . _ -
    name: String,
    /// What its jobs run on
    #[arg(long, value_name = "KIND", default_value = "process", value_parser = ["docker", "process"])]
    executor: String,
    /// The most of its jobs at once [default: no limit]
    #[arg(long, value_name = "NUMBER")]
    max_concurrent: Option<u32>,
}

/// A limit, or the word that takes it away.
#[derive(Clone, Copy, Debug)]
struct LimitArg(Option<Limit>);

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

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::List { json } => {
            let queues = context.store().await?.queue_stats().await?;
            if json {
                context.out.json(&queues)?;
            } else {
                write_table(&mut context.out, &queues)?;
            }
        }
        Action::Show { name, json } => {
            let store = context.store().await?;
            let queue = stats_of(&*store, &name).await?;
            if json {
                context.out.json(&queue)?;
            } else {
                write_facts(&mut context.out, &queue)?;
            }
        }
        Action::Create(create) => {
            let queue = new_queue(create)?;
            let made = context.store().await?.create_queue(&queue).await?;
            say(&mut context.out, &made)?;
        }
        Action::Limit {
            name,
            limit: LimitArg(limit),
        } => {
            let change = QueueChange {
                max_concurrent: Some(limit),
                paused: None,
            };
            change_queue(context, &name, &change).await?;
        }
        Action::Pause { name } => {
            let change = QueueChange {
                max_concurrent: None,
                paused: Some(true),
            };
            change_queue(context, &name, &change).await?;
        }
        Action::Resume { name } => {
            let change = QueueChange {
                max_concurrent: None,
                paused: Some(false),
            };
            change_queue(context, &name, &change).await?;
        }
    }
    Ok(Exit::DONE)
}

fn new_queue(create: Create) -> anyhow::Result<NewQueue> {
    longshore_core::spec::check_name("queue", &create.name)
        .map_err(|error| Refused::usage(error.to_string()))?;
    let max_concurrent = create.max_concurrent.map(Limit);
    Ok(NewQueue {
        name: create.name,
        executor: create.executor,
        // Nothing can label a host yet: a selector would make a queue that nothing can serve.
        host_selector: BTreeMap::new(),
        max_concurrent,
    })
}

async fn change_queue(
    context: &mut Context,
    name: &str,
    change: &QueueChange,
) -> anyhow::Result<()> {
    let queue = context.store().await?.change_queue(name, change).await?;
    say(&mut context.out, &queue)
}

async fn stats_of(store: &dyn Store, name: &str) -> anyhow::Result<QueueStats> {
    // The store's own error for an unknown name suggests another.
    let queue = store.queue(name).await?;
    let all = store.queue_stats().await?;
    all.into_iter()
        .find(|stats| stats.queue.id == queue.id)
        .ok_or_else(|| Refused::failed(format!("queue {name:?} is gone")).into())
}

/// How a queue stands after a change.
fn say(out: &mut Out, queue: &Queue) -> anyhow::Result<()> {
    let paused = if queue.paused { ", paused" } else { "" };
    out.line(&format!(
        "{}: {}, {}{paused}",
        queue.name,
        queue.executor,
        limit_words(queue)
    ))
}

fn limit_words(queue: &Queue) -> String {
    match queue.max_concurrent {
        Some(limit) => format!("at most {} at once", limit.0),
        None => "no limit".to_owned(),
    }
}

/// Queues and their counts, as a table.
pub fn write_table(out: &mut Out, queues: &[QueueStats]) -> anyhow::Result<()> {
    use Column::{Numbers, Words};
    let columns = [
        Words("QUEUE"),
        Words("EXECUTOR"),
        Numbers("LIMIT"),
        Numbers("WAITING"),
        Numbers("DUE"),
        Numbers("LATER"),
        Numbers("LAUNCHING"),
        Numbers("RUNNING"),
        Numbers("WORKERS"),
        Words("PAUSED"),
    ];
    let mut table = Table::new(out, &columns);
    for QueueStats {
        queue,
        counts,
        workers,
    } in queues
    {
        table.row([
            table::cell(&queue.name),
            table::cell(&queue.executor),
            table::optional(queue.max_concurrent.map(|limit| limit.0)),
            table::cell(counts.queue_depth),
            table::cell(counts.ready_now),
            table::cell(counts.scheduled_future),
            table::cell(counts.launching),
            table::cell(counts.running),
            table::cell(workers),
            table::cell(if queue.paused { "yes" } else { words::NONE }),
        ]);
    }
    table.write(out)
}

fn write_facts(out: &mut Out, stats: &QueueStats) -> anyhow::Result<()> {
    let QueueStats {
        queue,
        counts,
        workers,
    } = stats;
    let selector: Vec<String> = queue
        .host_selector
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let facts = [
        ("queue", Some(queue.name.clone())),
        ("executor", Some(queue.executor.clone())),
        ("hosts", (!selector.is_empty()).then(|| selector.join(" "))),
        ("limit", Some(limit_words(queue))),
        (
            "paused",
            Some(if queue.paused { "yes" } else { "no" }.to_owned()),
        ),
        ("ageing", queue.ageing.map(format_duration)),
        ("waiting", Some(counts.queue_depth.to_string())),
        ("due", Some(counts.ready_now.to_string())),
        ("later", Some(counts.scheduled_future.to_string())),
        ("launching", Some(counts.launching.to_string())),
        ("running", Some(counts.running.to_string())),
        ("workers", Some(workers.to_string())),
    ];
    table::facts(out, &facts)
}
