//! `longshore workers`: the processes that take jobs.

use longshore_core::store::Worker;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::table::{
    self,
    Column::{Long, Numbers, Words},
    Table,
};
use crate::output::{self, words};

/// List workers
///
/// Those alive, with what they serve and how much of them is taken; --all lists those of the past
/// too.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore workers --all")]
pub struct Args {
    /// Those of the past too
    #[arg(long)]
    all: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// Lists.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
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
