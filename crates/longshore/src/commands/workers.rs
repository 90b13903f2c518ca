//! `longshore workers`: the processes that take jobs.

use clap::Subcommand;
use longshore_core::store::Worker;
use longshore_core::suggest;

use crate::context::Context;
use crate::exit::{self, Exit, Refused};
use crate::output::table::{
    self,
    Column::{Long, Numbers, Words},
    Table,
};
use crate::output::{self, words};

/// List workers, and drain them
///
/// Those alive, with what they serve and how much of them is taken; --all lists those of the past
/// too.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Example: longshore workers --all")]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Those of the past too
    #[arg(long)]
    all: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Let workers take no more jobs, and end when what they run has ended
    ///
    /// As a SIGTERM would: what runs has the worker's --shutdown-timeout to end. A worker learns of
    /// it with its next heartbeat.
    #[command(after_help = "Example: longshore workers drain build-1-4711")]
    Drain {
        /// The workers: names or ids
        #[arg(value_name = "WORKER", required = true)]
        workers: Vec<String>,
    },
}

/// Lists, or drains.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match &args.action {
        Some(Action::Drain { workers }) => drain(context, workers).await,
        None => list(context, &args).await,
    }
}

async fn drain(context: &mut Context, names: &[String]) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let workers = store.workers(false).await?;
    let mut exit = Exit::DONE;
    for name in names {
        let of_name: Vec<&Worker> = workers.iter().filter(|w| w.name == *name).collect();
        let of_id = workers.iter().filter(|w| w.id.to_string() == *name);
        let meant = if of_name.is_empty() {
            of_id.collect()
        } else {
            of_name
        };
        if meant.is_empty() {
            let hint = suggest::hint(name, workers.iter().map(|worker| worker.name.as_str()));
            let refused = Refused::failed(format!("no live worker is called {name:?}; {hint}"));
            exit = exit::report(&refused.hint("`longshore workers` shows them").into());
        }
        // Those of one name were started to be alike.
        for worker in meant {
            store.drain_worker(worker.id).await?;
            context
                .out
                .line(&words::one_line(&format!("{} draining", worker.name)))?;
        }
    }
    Ok(exit)
}

async fn list(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let workers = store.workers(args.all).await?;
    if args.json {
        context.out.json(&workers)?;
        return Ok(Exit::DONE);
    }
    if workers.is_empty() {
        output::talk("no worker is alive");
        output::hint("`longshore worker` starts one");
        return Ok(Exit::DONE);
    }
    let columns = [
        Numbers("ID"),
        Long("NAME"),
        Words("STATE"),
        Long("HOST"),
        Numbers("PID"),
        Numbers("BUSY"),
        Numbers("AGE"),
        Numbers("HEARD"),
        Long("QUEUES"),
        Words("VERSION"),
    ];
    let now = store.now().await?;
    let mut table = Table::new(&context.out, &columns);
    for worker in &workers {
        table.row([
            table::cell(worker.id),
            table::cell(&worker.name),
            table::cell(state_of(worker)),
            table::cell(&worker.hostname),
            table::cell(worker.pid),
            table::cell(format!("{}/{}", worker.live, worker.capacity)),
            table::cell(words::between(worker.started_at, now)),
            table::cell(words::between(worker.heartbeat_at, now)),
            table::cell(worker.queues.join(" ")),
            table::cell(&worker.version),
        ]);
    }
    table.write(&mut context.out)?;
    Ok(Exit::DONE)
}

/// The most telling word for how it stands.
fn state_of(worker: &Worker) -> &'static str {
    if worker.stopped_at.is_some() {
        "stopped"
    } else if worker.fenced {
        "fenced"
    } else if !worker.alive {
        "silent"
    } else if worker.draining {
        "draining"
    } else {
        "alive"
    }
}
