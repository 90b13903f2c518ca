//! `longshore webhook`: who is told of changes over HTTP, and the log of deliveries.

use std::collections::{BTreeSet, HashMap};

use clap::Subcommand;
use longshore_client::api::NewWebhookBody;
use longshore_core::State;
use longshore_core::store::{Delivery, Store, StoreError, StoreResult};
use longshore_core::suggest;
use longshore_core::webhook::{DeliveryId, DeliveryState, NewWebhook, Wanted, Webhook, WebhookId};
use longshore_server::signing_key;

use super::confirm;
use crate::args::{JobRef, state_parser};
use crate::context::Context;
use crate::exit::{self, Exit, Refused};
use crate::output::table::{
    self,
    Column::{Long, Numbers, Words},
    Table,
};
use crate::output::{self, words};

/// Tell others of changes over HTTP
///
/// A webhook is an address that a server (`longshore server` or `up`) tells of jobs as they come into the
/// states that it wants to hear of. Each delivery is signed, and sent again for one to two days until the
/// receiver takes it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: longshore webhook create ci https://ci.example/hook --state failed"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a webhook, and write the key of its signatures: it is never shown again
    #[command(
        after_help = "Example: longshore webhook create ci https://ci.example/hook --state failed"
    )]
    Create {
        /// Its name
        name: String,
        /// Where deliveries are sent: http://… or https://…
        url: String,
        /// Jobs that came into this state; repeatable, or several with commas between [default: those
        /// in which jobs end]
        #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
        #[arg(value_parser = state_parser(), ignore_case = true)]
        states: Vec<State>,
        /// Of this queue alone
        #[arg(long, value_name = "NAME")]
        queue: Option<String>,
    },
    /// List webhooks by name, without their keys
    #[command(after_help = "Example: longshore webhook list")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Let webhooks be told of changes again; what waits to be sent goes on
    #[command(after_help = "Example: longshore webhook enable ci")]
    Enable {
        /// The webhooks: names or numbers
        #[arg(value_name = "WEBHOOK", required = true)]
        webhooks: Vec<String>,
    },
    /// Let webhooks be told of nothing; what happens meanwhile is not made up for
    #[command(after_help = "Example: longshore webhook disable ci")]
    Disable {
        /// The webhooks: names or numbers
        #[arg(value_name = "WEBHOOK", required = true)]
        webhooks: Vec<String>,
    },
    /// Take webhooks away, with their deliveries
    #[command(after_help = "Example: longshore webhook delete ci")]
    Delete {
        /// The webhooks: names or numbers
        #[arg(value_name = "WEBHOOK", required = true)]
        webhooks: Vec<String>,
        /// Don't ask
        #[arg(short, long)]
        yes: bool,
    },
    /// List deliveries, newest first: what was sent, what waits to be, and why it could not
    #[command(after_help = "Example: longshore webhook deliveries --webhook ci --limit 20")]
    Deliveries {
        /// To this webhook: its name or number
        #[arg(long)]
        webhook: Option<String>,
        /// Of this job
        #[arg(long)]
        job: Option<JobRef>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Send deliveries once more, now
    #[command(after_help = "Example: longshore webhook send 12")]
    Send {
        /// Their numbers
        #[arg(value_name = "DELIVERY", required = true)]
        deliveries: Vec<i64>,
    },
}

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::Create {
            name,
            url,
            states,
            queue,
        } => {
            let states = BTreeSet::from_iter(states);
            create(context, name, url, Wanted { states, queue }).await
        }
        Action::List { json } => list(context, json).await,
        Action::Enable { webhooks } => switch(context, &webhooks, true).await,
        Action::Disable { webhooks } => switch(context, &webhooks, false).await,
        Action::Delete { webhooks, yes } => delete(context, &webhooks, yes).await,
        Action::Deliveries {
            webhook,
            job,
            limit,
            json,
        } => deliveries(context, webhook.as_deref(), job, limit, json).await,
        Action::Send { deliveries } => send(context, &deliveries).await,
    }
}

async fn create(
    context: &mut Context,
    name: String,
    url: String,
    wanted: Wanted,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    // A webhook of a queue that is not there yet would wait for it, and most likely it is misspelt.
    if let Some(queue) = &wanted.queue {
        store.queue(queue).await?;
    }
    let key = if let Some(client) = context.client()? {
        let Wanted { states, queue } = wanted;
        let new = NewWebhookBody {
            name,
            url,
            states,
            queue,
        };
        client.create_webhook(&new).await?.key
    } else {
        let key = signing_key();
        let new = NewWebhook {
            name,
            url,
            wanted,
            key: key.clone(),
        };
        store.create_webhook(&new).await?;
        key.0
    };
    context.out.line(&key)?;
    output::hint("keep it: it is never shown again; by it the receiver checks signatures");
    Ok(Exit::DONE)
}

async fn list(context: &mut Context, json: bool) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let webhooks = store.webhooks().await?;
    if json {
        context.out.json(&webhooks)?;
        return Ok(Exit::DONE);
    }
    if webhooks.is_empty() {
        output::talk("there is no webhook");
        output::hint("`longshore webhook create NAME URL` makes one");
        return Ok(Exit::DONE);
    }
    let columns = [
        Numbers("ID"),
        Long("NAME"),
        Words("ENABLED"),
        Long("STATES"),
        Words("QUEUE"),
        Long("URL"),
    ];
    let mut table = Table::new(&context.out, &columns);
    for webhook in &webhooks {
        let states: Vec<_> = webhook.wanted.states.iter().map(|s| s.as_str()).collect();
        let states = if states.is_empty() {
            "ended".to_owned()
        } else {
            states.join(",")
        };
        table.row([
            table::cell(webhook.id),
            table::cell(&webhook.name),
            table::cell(if webhook.enabled { "yes" } else { "no" }),
            table::cell(states),
            table::optional(webhook.wanted.queue.as_ref()),
            table::cell(&webhook.url),
        ]);
    }
    table.write(&mut context.out)?;
    Ok(Exit::DONE)
}

/// The webhook of this name, or of this number.
fn find(webhooks: &[Webhook], named: &str) -> Result<WebhookId, Refused> {
    let of_name = webhooks.iter().find(|webhook| webhook.name == named);
    let of_number = || {
        let id = named.parse().ok().map(WebhookId)?;
        webhooks.iter().find(|webhook| webhook.id == id)
    };
    of_name
        .or_else(of_number)
        .map(|webhook| webhook.id)
        .ok_or_else(|| {
            let known = webhooks.iter().map(|webhook| webhook.name.as_str());
            let hint = suggest::hint(named, known);
            Refused::failed(format!("no webhook is called {named:?}; {hint}"))
                .hint("`longshore webhook list` shows them")
        })
}

/// Does something to each that is named: one that fails holds back no other.
async fn each(
    context: &mut Context,
    named: &[String],
    word: &str,
    act: impl AsyncFn(&dyn Store, WebhookId) -> StoreResult<()>,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let webhooks = store.webhooks().await?;
    let mut exit = Exit::DONE;
    for name in named {
        let id = match find(&webhooks, name) {
            Ok(id) => id,
            Err(refused) => {
                exit = exit::report(&refused.into());
                continue;
            }
        };
        match act(&*store, id).await {
            Ok(()) => context.out.line(&format!("{name} {word}"))?,
            Err(error) if error.is_systems_fault() => return Err(error.into()),
            Err(error) => exit = exit::report(&error.into()),
        }
    }
    Ok(exit)
}

async fn switch(context: &mut Context, named: &[String], enabled: bool) -> anyhow::Result<Exit> {
    let word = if enabled { "enabled" } else { "disabled" };
    each(context, named, word, async |store, webhook| {
        store.switch_webhook(webhook, enabled).await.map(drop)
    })
    .await
}

async fn delete(context: &mut Context, named: &[String], yes: bool) -> anyhow::Result<Exit> {
    let what = format!(
        "take {} away, with what waits to be sent",
        named.join(" and ")
    );
    if !yes && !confirm::ask(&what, "--yes does it without asking")? {
        return Ok(Exit::FAILED);
    }
    each(context, named, "deleted", async |store, webhook| {
        store.delete_webhook(webhook).await
    })
    .await
}

async fn deliveries(
    context: &mut Context,
    webhook: Option<&str>,
    job: Option<JobRef>,
    limit: u32,
    json: bool,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    // Their names: who may not see the webhooks sees their numbers.
    let webhooks = match store.webhooks().await {
        Ok(webhooks) => webhooks,
        Err(StoreError::Denied { .. }) if webhook.is_none() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let webhook = webhook.map(|named| find(&webhooks, named)).transpose()?;
    let job = match job {
        Some(job) => JobRef::resolve_all(&[job], &*store).await?.pop(),
        None => None,
    };
    let found = store.deliveries(webhook, job, None, limit).await?;
    if json {
        context.out.json(&found)?;
        return Ok(Exit::DONE);
    }
    if found.is_empty() {
        output::talk("there is no delivery");
        return Ok(Exit::DONE);
    }
    let names: HashMap<_, _> = webhooks.iter().map(|w| (w.id, w.name.as_str())).collect();
    let now = store.now().await?;
    let columns = [
        Numbers("ID"),
        Long("WEBHOOK"),
        Numbers("JOB"),
        Words("STATE"),
        Numbers("AGE"),
        Words("DELIVERY"),
        Numbers("TRIES"),
        Words("NEXT"),
        Long("PROBLEM"),
    ];
    let mut table = Table::new(&context.out, &columns);
    for delivery in &found {
        let number = delivery.webhook.to_string();
        let name = names.get(&delivery.webhook).copied().unwrap_or(&number);
        table.row([
            table::cell(delivery.id),
            table::cell(name),
            table::cell(delivery.job),
            table::state(&context.out, delivery.state),
            table::cell(words::between(delivery.at, now)),
            table::cell(how_far(delivery)),
            table::cell(delivery.tries),
            table::optional(delivery.next_at.map(|at| words::between(now, at))),
            table::optional(delivery.problem.as_deref().map(words::one_line)),
        ]);
    }
    table.write(&mut context.out)?;
    Ok(Exit::DONE)
}

fn how_far(delivery: &Delivery) -> &'static str {
    match delivery.delivery {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "delivered",
        DeliveryState::GivenUp => "given up",
    }
}

async fn send(context: &mut Context, deliveries: &[i64]) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let mut exit = Exit::DONE;
    for delivery in deliveries {
        match store.send_again(DeliveryId(*delivery)).await {
            Ok(delivery) => context
                .out
                .line(&format!("{} is sent again", delivery.id))?,
            Err(error) if error.is_systems_fault() => return Err(error.into()),
            Err(error) => exit = exit::report(&error.into()),
        }
    }
    Ok(exit)
}
