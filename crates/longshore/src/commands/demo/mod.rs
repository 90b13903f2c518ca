//! `longshore demo`: thirty jobs through real worker processes under a limit, and a verdict.
//!
//! The verdict is computed from what the jobs themselves wrote into the witness file, by a checker
//! that shares no code with the queue. The demo must never tell the checker what the queue thinks
//! that it did, other than to have it held against the witness.

mod folder;
mod jobs;
mod judge;
mod progress;
mod stored;
mod workers;

use std::path::PathBuf;

use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;

use self::folder::{Folder, Record};
use crate::address::Address;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output;

/// See jobs go through the queue: 30 jobs, 4 worker processes, a limit of 3, and a verdict
///
/// Everything happens in a temporary folder with a database of its own, unless the flag --database
/// names another (a variable or the configuration does not): there its queue and jobs stay. Each job writes START and END into a witness file; the last line says whether each ran
/// exactly once and never more than the limit at once.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore demo --keep ./demo && longshore demo --judge ./demo")]
pub struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    jobs: u32,
    /// How many worker processes
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    workers: u32,
    /// The most jobs at once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    limit: u32,
    /// Keep the database, the witness file and the workers' logs in this new folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Run nothing: judge again what a kept demo left
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["keep", "jobs", "workers", "limit"])]
    judge: Option<PathBuf>,
}

/// Runs the demo, or judges one that was kept.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("demo")?;
    if let Some(path) = &args.judge {
        let folder = Folder::kept(path)?;
        return judge::judge(context, &folder).await;
    }
    let folder = Folder::make(args.keep.as_deref())?;
    // The user's own database is none of the demo's business, unless it is named for it.
    let named = context
        .flagged_address()?
        .map(Address::absolute)
        .transpose()?;
    let database = named.as_ref().map(ToString::to_string);
    let address = named.unwrap_or_else(|| Address::Sqlite(folder.database()));
    context.use_address(address.clone());
    let store = context.store().await?;

    let queue = store
        .create_queue(&NewQueue {
            name: format!("demo-{:016x}", rand::random::<u64>()),
            executor: "process".to_owned(),
            host_selector: std::collections::BTreeMap::new(),
            max_concurrent: Some(Limit(args.limit)),
        })
        .await?;
    let specs = jobs::specs(args.jobs, &queue.name, &folder.witness())?;
    let jobs = store
        .submit(&specs)
        .await?
        .into_iter()
        .map(|submitted| submitted.job)
        .collect();
    let record = Record {
        database,
        queue: queue.name,
        limit: args.limit,
        jobs,
    };
    folder.write_record(&record)?;
    output::talk(&format!(
        "{} jobs of mixed priority, {} worker processes, at most {} jobs at once",
        args.jobs, args.workers, args.limit
    ));

    let mut workers = workers::start(args.workers, &address, &record.queue, &folder)?;
    let colored = context.colors_stderr();
    let outcome = progress::follow(store.as_ref(), &record.jobs, &mut workers, colored).await;
    workers.stop().await;
    match outcome? {
        progress::Outcome::AllEnded => {}
        progress::Outcome::Interrupted => return Ok(Exit::INTERRUPTED),
        progress::Outcome::WorkersGone(how) => {
            return Err(
                Refused::failed(format!("the workers ended before the jobs did: {how}"))
                    .hint("`longshore demo --keep FOLDER` keeps their logs")
                    .into(),
            );
        }
    }
    let exit = judge::judge(context, &folder).await?;
    context.out.flush()?;
    say_what_next(&folder, &address);
    Ok(exit)
}

fn say_what_next(folder: &Folder, address: &Address) {
    match folder.kept_path() {
        Some(path) => {
            let path = path.display();
            output::hint(&format!("look around: longshore --database {address} list"));
            output::hint(&format!(
                "edit {path}/witness.log, then: longshore demo --judge {path}"
            ));
        }
        None => {
            output::hint("run something of your own: longshore run -- echo hello");
            output::hint("keep the next demo to look around in it: longshore demo --keep ./demo");
        }
    }
}
