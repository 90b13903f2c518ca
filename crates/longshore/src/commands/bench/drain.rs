//! `longshore bench drain`: how fast a line of no-op jobs is emptied.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::JobSpec;
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_core::store::{Registry as _, Store as _, Submissions as _};
use longshore_queue::{GracefulShutdown, Retrying, Until, Worker, WorkerConfig};
use serde::Serialize;

use super::noop::{KIND, NoopExecutor};
use super::scratch::{self, Scratch};
use crate::context::Context;
use crate::exit::Exit;
use crate::output;

/// Jobs of one submission.
const SUBMIT_BATCH: u32 = 5_000;

/// Submit no-op jobs, then time how fast workers drain them
///
/// Uses a new database beside the one that --database or its variable names (on PostgreSQL the
/// user must be allowed to create databases), or a temporary file, and removes it again, also when
/// interrupted. Submission is timed apart from the drain.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench drain --jobs 20000 --json")]
pub struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// How many workers, as tasks of this process
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// The most jobs that each worker runs at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_concurrent: u32,
    /// A limit on the queue
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    workers: u32,
    max_concurrent: u32,
    limit: Option<u32>,
    submit_seconds: f64,
    submitted_per_second: f64,
    drain_seconds: f64,
    jobs_per_second: f64,
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
        context.out.line(&format!(
            "{}: {} jobs submitted in {:.2} s ({:.0}/s), drained in {:.2} s: {:.0} jobs/s",
            report.store,
            report.jobs,
            report.submit_seconds,
            report.submitted_per_second,
            report.drain_seconds,
            report.jobs_per_second,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, args: &Args) -> anyhow::Result<Report> {
    let store = scratch.store();
    let queue = NewQueue {
        name: "bench".to_owned(),
        executor: KIND.to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: args.limit.map(Limit),
    };
    store.create_queue(&queue).await?;
    let job = JobSpec {
        queue: Some(queue.name),
        ..JobSpec::process(["true"])
    }
    .validate()?;

    let began = Instant::now();
    let mut left = args.jobs;
    while left > 0 {
        let now = left.min(SUBMIT_BATCH);
        store.submit(&vec![job.clone(); now as usize]).await?;
        left -= now;
    }
    let submitting = began.elapsed();

    let began = Instant::now();
    let workers = (1..=args.workers).map(|number| work(store.clone(), args, number));
    for report in futures_util::future::join_all(workers).await {
        output::talk(&report?);
    }
    let draining = began.elapsed();
    scratch::check(store, args.jobs).await?;

    let rate = |time: Duration| f64::from(args.jobs) / time.as_secs_f64().max(1e-9);
    Ok(Report {
        store: store.kind(),
        jobs: args.jobs,
        workers: args.workers,
        max_concurrent: args.max_concurrent,
        limit: args.limit,
        submit_seconds: submitting.as_secs_f64(),
        submitted_per_second: rate(submitting),
        drain_seconds: draining.as_secs_f64(),
        jobs_per_second: rate(draining),
    })
}

async fn work(store: Retrying, args: &Args, number: u32) -> anyhow::Result<String> {
    let config = WorkerConfig {
        name: format!("bench-{number}"),
        queues: vec!["bench".to_owned()],
        max_concurrent: args.max_concurrent,
        until: Until::Empty,
        ..WorkerConfig::default()
    };
    let worker = Worker::new(store, vec![Arc::new(NoopExecutor::new())], config)?;
    let report = worker.run(&GracefulShutdown::new()).await?;
    Ok(report.to_string())
}
