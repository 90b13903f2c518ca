//! `longshore bench idle`: what workers cost that have nothing to do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::spec::parse_duration;
use longshore_core::store::{Registry as _, Store as _};
use longshore_queue::{GracefulShutdown, Until, WorkerConfig};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::Serialize;

use super::crew;
use super::drain::make_queue;
use super::noop::Told;
use super::scratch::{self, Scratch};
use super::witness::WitnessFile;
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// Let workers wait for jobs that never come, and count what they ask of the database
///
/// Each worker has a pool of connections of its own, as if it were another process. On SQLite nobody
/// counts statements: there the processor's time is what is told.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench idle --workers 64 --json")]
pub struct Args {
    /// How many workers
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    workers: u32,
    /// For how long they are looked at
    #[arg(long, default_value = "20s", value_parser = parse_duration)]
    time: Duration,
    /// How long they have to come to rest before that: to prepare their statements, and to let go of
    /// connections that they needed for their start
    #[arg(long, default_value = "20s", value_parser = parse_duration)]
    settle: Duration,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    workers: u32,
    seconds: f64,
    /// Of each worker; none where the database does not count.
    connections_per_worker: Option<f64>,
    /// Of each worker; a statement is a transaction here.
    transactions_per_second: Option<f64>,
    /// Of each worker, in thousandths of a core.
    millicores: f64,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let measured = scratch::during(context, async |scratch| measure(scratch, args).await).await?;
    let Some(report) = measured else {
        return Ok(Exit::INTERRUPTED);
    };
    if args.json {
        context.out.json(&report)?;
    } else {
        let of_database = match (
            report.connections_per_worker,
            report.transactions_per_second,
        ) {
            (Some(connections), Some(transactions)) => {
                format!("{connections:.2} connections, {transactions:.2} transactions/s and ")
            }
            _ => String::new(),
        };
        context.out.line(&format!(
            "{}: each of {} idle workers costs {of_database}{:.2} thousandths of a core",
            report.store, report.workers, report.millicores,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, args: &Args) -> anyhow::Result<Report> {
    make_queue(scratch, "bench", None).await?;
    let shutdown = GracefulShutdown::new();
    let witnessed = Arc::new(WitnessFile::alone(&scratch.witness())?);
    let (mut stores, mut works) = (Vec::new(), Vec::new());
    for number in 1..=args.workers {
        let config = WorkerConfig {
            until: Until::Stopped,
            ..crew::config(format!("bench-{number}"), vec!["bench".to_owned()], 5)
        };
        let store = scratch.open_another().await?;
        let worker = crew::worker(store.clone(), config, &witnessed, Told::default())?;
        let ending = shutdown.clone();
        works.push(tokio::spawn(async move { worker.run(&ending).await }));
        stores.push(store);
    }
    tokio::time::sleep(args.settle).await;
    let alive = scratch.store().workers(false).await?.len();
    if alive != args.workers as usize {
        let problem = format!(
            "{alive} of {} workers are alive: this is no result",
            args.workers
        );
        return Err(Refused::failed(problem).into());
    }

    let (began, cpu, before) = (Instant::now(), cpu_seconds()?, scratch.activity().await?);
    tokio::time::sleep(args.time).await;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let after = scratch.activity().await?;

    shutdown.drain();
    for worked in futures_util::future::join_all(works).await {
        worked??;
    }
    for store in stores {
        store.close().await;
    }
    let workers = f64::from(args.workers);
    let each = before.zip(after).map(|(before, after)| {
        let transactions = after.transactions - before.transactions;
        (
            float(after.connections) / workers,
            float(transactions) / seconds / workers,
        )
    });
    Ok(Report {
        store: scratch.store().kind(),
        workers: args.workers,
        seconds,
        connections_per_worker: each.map(|(connections, _)| connections),
        transactions_per_second: each.map(|(_, transactions)| transactions),
        millicores: cpu * 1000.0 / seconds / workers,
    })
}

/// What this process has used.
fn cpu_seconds() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(float(micros) / 1e6)
}

/// A count as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "far below what a float counts exactly"
)]
pub fn float(count: i64) -> f64 {
    count as f64
}
