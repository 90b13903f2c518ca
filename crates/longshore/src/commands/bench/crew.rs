//! The workers of a benchmark: tasks of this process, or processes of their own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context as _;
use longshore_core::store::Store as _;
use longshore_queue::{GracefulShutdown, Retrying, Until, Worker, WorkerConfig};
use tokio::process::Command;

use super::noop::{NoopExecutor, Told};
use super::scratch::Scratch;
use super::witness::WitnessFile;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output;

/// Who works.
#[derive(Clone, Copy, Debug)]
pub enum Crew {
    /// So many workers in this process.
    Tasks(u32),
    /// So many processes with one worker each.
    Processes(u32),
}

/// A worker of these queues that runs no-op jobs, which write here.
pub fn worker(
    store: Retrying,
    config: WorkerConfig,
    witness: &Arc<WitnessFile>,
    told: Told,
) -> anyhow::Result<Worker> {
    let witness = Arc::clone(witness);
    let executor = NoopExecutor::new(witness, told);
    Ok(Worker::new(store, vec![Arc::new(executor)], config)?)
}

/// What the workers of a benchmark are told.
pub fn config(name: String, queues: Vec<String>, max_concurrent: u32) -> WorkerConfig {
    WorkerConfig {
        name,
        queues,
        max_concurrent,
        until: Until::Empty,
        ..WorkerConfig::default()
    }
}

/// Lets the crew work until nothing waits or runs in these queues.
pub async fn work_until_empty(
    scratch: &Scratch,
    crew: Crew,
    queues: &[String],
    max_concurrent: u32,
) -> anyhow::Result<()> {
    match crew {
        Crew::Tasks(workers) => {
            let witness = Arc::new(WitnessFile::alone(&scratch.witness())?);
            let works = (1..=workers).map(async |number| {
                let config = config(format!("bench-{number}"), queues.to_vec(), max_concurrent);
                let store = scratch.store().clone();
                let worker = worker(store, config, &witness, Told::default())?;
                anyhow::Ok(worker.run(&GracefulShutdown::new()).await?)
            });
            for report in futures_util::future::join_all(works).await {
                output::talk(&report?.to_string());
            }
            witness.written()?;
        }
        Crew::Processes(processes) => {
            let works =
                (1..=processes).map(|number| process(scratch, number, queues, max_concurrent));
            for outcome in futures_util::future::join_all(works).await {
                outcome?;
            }
        }
    }
    Ok(())
}

/// Runs one worker process to its end; it dies with this future.
async fn process(
    scratch: &Scratch,
    number: u32,
    queues: &[String],
    max_concurrent: u32,
) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this binary")?;
    let mut command = Command::new(&program);
    command
        // By variable, so that a password doesn't show in the list of processes.
        .env("LONGSHORE_DATABASE_URL", scratch.address().reveal())
        .args(["bench", "work", "--name", &format!("bench-{number}")])
        .args(["--max-concurrent", &max_concurrent.to_string()])
        .arg("--witness")
        .arg(scratch.witness());
    for queue in queues {
        command.args(["--queue", queue]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting a worker process")?;
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(Refused::failed(format!("worker process {number} ended with {status}")).into())
}

/// Be one of the worker processes of a benchmark
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What it is called
    #[arg(long)]
    name: String,
    /// A queue that it serves
    #[arg(long = "queue", required = true)]
    queues: Vec<String>,
    /// The most jobs at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_concurrent: u32,
    /// Where its jobs write START and END
    #[arg(long)]
    witness: PathBuf,
}

/// Works until nothing waits or runs in its queues.
pub async fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let store = crate::open::store(&context.address()?, &context.store_options()).await?;
    let config = config(args.name, args.queues, args.max_concurrent);
    let witness = Arc::new(WitnessFile::shared(&args.witness)?);
    let worker = worker(store.clone(), config, &witness, Told::default())?;
    let report = worker.run(&GracefulShutdown::new()).await?;
    output::talk(&report.to_string());
    store.close().await;
    Ok(Exit::DONE)
}
