//! The workers of a benchmark: tasks of this process, or processes of their own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use longshore_core::queue::QueueChange;
use longshore_core::store::{Reading as _, Registry as _, Store as _};
use longshore_queue::{GracefulShutdown, Retrying, Until, Worker, WorkerConfig};
use tokio::process::Command;

use super::noop::{NoopExecutor, Told};
use super::scratch::Scratch;
use super::witness::WitnessFile;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::output;

/// How often we look whether all processes are there, and whether all is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

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

/// Lets the crew work until nothing waits or runs in these queues. Says how long that took: of processes,
/// from when all of them were there to take jobs.
pub async fn work_until_empty(
    scratch: &Scratch,
    crew: Crew,
    queues: &[String],
    max_concurrent: u32,
) -> anyhow::Result<Duration> {
    match crew {
        Crew::Tasks(workers) => {
            let began = Instant::now();
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
            Ok(began.elapsed())
        }
        Crew::Processes(processes) => {
            pause(scratch, queues, true).await?;
            let works =
                (1..=processes).map(|number| process(scratch, number, queues, max_concurrent));
            let works = futures_util::future::try_join_all(works);
            let timing = async {
                while scratch.store().workers(false).await?.len() < processes as usize {
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                let began = Instant::now();
                pause(scratch, queues, false).await?;
                // Not until they have ended: each notices in its own time that nothing is left.
                while !is_all_done(scratch).await? {
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                Ok(began.elapsed())
            };
            // Ended by whichever fails first.
            let (took, _) = tokio::try_join!(timing, works)?;
            Ok(took)
        }
    }
}

async fn is_all_done(scratch: &Scratch) -> anyhow::Result<bool> {
    let stats = scratch.store().queue_stats().await?;
    Ok(stats
        .iter()
        .map(|stats| &stats.counts)
        .all(|counts| counts.queue_depth.0 + counts.launching.0 + counts.running.0 == 0))
}

/// Closes these queues, or opens them.
async fn pause(scratch: &Scratch, queues: &[String], paused: bool) -> anyhow::Result<()> {
    let change = QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    for queue in queues {
        scratch.store().change_queue(queue, &change).await?;
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
