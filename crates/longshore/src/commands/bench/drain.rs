//! `longshore bench drain`: how fast a line of no-op jobs is emptied.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_core::store::{NewJob, Registry as _, Store as _, Submissions as _};
use longshore_core::{JobId, JobSpec};
use longshore_history::{Expectation, JobId as RunJob, Limit as RunLimit};
use longshore_postgres::Activity;
use serde::Serialize;

use super::crew::{self, Crew};
use super::idle::float;
use super::noop::KIND;
use super::scratch::{self, Scratch};
use super::witness;
use crate::context::Context;
use crate::exit::Exit;

/// Jobs of one submission.
pub const SUBMIT_BATCH: usize = 5_000;

/// How long the server takes to count what its sessions did.
const COUNTED_WITHIN: Duration = Duration::from_millis(1500);

/// Submit no-op jobs, then time how fast workers drain them
///
/// Submission is timed apart from the drain, which lasts from the workers' start (of processes, from when
/// all of them wait for jobs) until they have ended because nothing is left.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench drain --jobs 20000 --json")]
pub struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// How many workers, as tasks of this process
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// How many workers, as processes of their own; timed from when all are there
    #[arg(long, conflicts_with = "workers", value_parser = clap::value_parser!(u32).range(1..=64))]
    processes: Option<u32>,
    /// The most jobs that each worker runs at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_concurrent: u32,
    /// How many queues the jobs are spread over
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    queues: u32,
    /// A limit on each queue
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
    processes: Option<u32>,
    max_concurrent: u32,
    queues: u32,
    limit: Option<u32>,
    submit_seconds: f64,
    submitted_per_second: f64,
    drain_seconds: f64,
    jobs_per_second: f64,
    /// Of submission and drain together; none where the database does not count.
    cost_per_job: Option<Cost>,
}

/// What the database did for each job.
#[derive(Clone, Copy, Serialize, Debug)]
pub struct Cost {
    /// A statement is a transaction here.
    transactions: f64,
    /// Written to the server's log, by whoever.
    wal_bytes: f64,
    /// Left behind when all was done, less what was removed by then.
    dead_rows: f64,
}

/// Jobs, and who drains them.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub jobs: u32,
    pub queues: u32,
    pub limit: Option<u32>,
    pub crew: Crew,
    pub max_concurrent: u32,
}

/// How long it took.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    pub submitting: Duration,
    pub draining: Duration,
    pub cost: Option<Cost>,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let load = Load {
        jobs: args.jobs,
        queues: args.queues,
        limit: args.limit,
        crew: match args.processes {
            Some(processes) => Crew::Processes(processes),
            None => Crew::Tasks(args.workers),
        },
        max_concurrent: args.max_concurrent,
    };
    let measure = async |scratch: &Scratch| {
        let kind = scratch.store().kind();
        Ok((kind, drain(scratch, &load).await?))
    };
    let Some((store, drained)) = scratch::during(context, measure).await? else {
        return Ok(Exit::INTERRUPTED);
    };
    let rate = |time: Duration| per_second(args.jobs, time);
    let report = Report {
        store,
        jobs: args.jobs,
        workers: args.workers,
        processes: args.processes,
        max_concurrent: args.max_concurrent,
        queues: args.queues,
        limit: args.limit,
        submit_seconds: drained.submitting.as_secs_f64(),
        submitted_per_second: rate(drained.submitting),
        drain_seconds: drained.draining.as_secs_f64(),
        jobs_per_second: rate(drained.draining),
        cost_per_job: drained.cost,
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
        if let Some(cost) = report.cost_per_job {
            context.out.line(&format!(
                "for each job {:.3} transactions, {:.0} bytes of log and {:.2} dead rows",
                cost.transactions, cost.wal_bytes, cost.dead_rows,
            ))?;
        }
    }
    Ok(Exit::DONE)
}

/// So many in this time.
pub fn per_second(jobs: u32, time: Duration) -> f64 {
    f64::from(jobs) / time.as_secs_f64().max(1e-9)
}

/// A job that does nothing.
pub fn job(queue: &str) -> anyhow::Result<NewJob> {
    let job = JobSpec {
        queue: Some(queue.to_owned()),
        ..JobSpec::process(["true"])
    };
    Ok(job.validate()?)
}

/// Makes a queue of no-op jobs.
pub async fn make_queue(scratch: &Scratch, name: &str, limit: Option<u32>) -> anyhow::Result<()> {
    let queue = NewQueue {
        name: name.to_owned(),
        executor: KIND.to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: limit.map(Limit),
    };
    scratch.store().create_queue(&queue).await?;
    Ok(())
}

/// Submits jobs, lets them be drained, and judges what they wrote.
pub async fn drain(scratch: &Scratch, load: &Load) -> anyhow::Result<Drained> {
    let queues: Vec<String> = (1..=load.queues).map(|n| format!("bench-{n}")).collect();
    let mut kinds = Vec::with_capacity(queues.len());
    for queue in &queues {
        make_queue(scratch, queue, load.limit).await?;
        kinds.push(job(queue)?);
    }

    let before = scratch.activity().await?;
    let began = Instant::now();
    let mut jobs: Vec<JobId> = Vec::with_capacity(load.jobs as usize);
    while jobs.len() < load.jobs as usize {
        let most = SUBMIT_BATCH.min(load.jobs as usize - jobs.len());
        let from = jobs.len();
        let batch: Vec<NewJob> = (from..from + most)
            .map(|index| kinds[index % kinds.len()].clone())
            .collect();
        let submitted = scratch.store().submit(&batch).await?;
        jobs.extend(submitted.iter().map(|submitted| submitted.job));
    }
    let submitting = began.elapsed();

    let draining = crew::work_until_empty(scratch, load.crew, &queues, load.max_concurrent).await?;

    let cost = match before {
        Some(before) => cost(scratch, before, load.jobs).await?,
        None => None,
    };

    scratch::check(scratch.store(), load.jobs).await?;
    let mut expectation = Expectation::each_once(jobs.iter().map(|job| RunJob(job.0)));
    if let Some(limit) = load.limit {
        for (index, queue) in queues.iter().enumerate() {
            let of_queue = jobs.iter().skip(index).step_by(queues.len());
            expectation = expectation.with_limit(RunLimit {
                name: queue.clone(),
                max: limit,
                jobs: of_queue.map(|job| RunJob(job.0)).collect(),
                ..RunLimit::default()
            });
        }
    }
    witness::judge(&scratch.witness(), &expectation)?;
    Ok(Drained {
        submitting,
        draining,
        cost,
    })
}

/// What the database counted since `before`.
async fn cost(scratch: &Scratch, before: Activity, jobs: u32) -> anyhow::Result<Option<Cost>> {
    tokio::time::sleep(COUNTED_WITHIN).await;
    let Some(after) = scratch.activity().await? else {
        return Ok(None);
    };
    let each = |after: i64, before: i64| float(after - before) / f64::from(jobs);
    Ok(Some(Cost {
        transactions: each(after.transactions, before.transactions),
        wal_bytes: each(after.wal_bytes, before.wal_bytes),
        dead_rows: each(after.dead_rows, before.dead_rows),
    }))
}
