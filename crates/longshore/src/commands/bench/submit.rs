//! `longshore bench submit`: how fast jobs are taken in.

use std::time::{Duration, Instant};

use longshore_core::JobId;
use longshore_core::store::{Reading as _, Store as _, Submissions as _};
use serde::Serialize;

use super::drain::{job, make_queue, per_second};
use super::percentiles::Percentiles;
use super::scratch::{self, Scratch};
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// Time how fast clients submit jobs, many in a call or one at a time
///
/// Each call is a transaction of its own, which is durable when it is answered. The clients are tasks
/// of this process that share its pool of connections.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench submit --jobs 10000 --batch 1 --clients 8 --json")]
pub struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// How many jobs each call submits
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// How many clients submit at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    clients: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    batch: u32,
    clients: u32,
    seconds: f64,
    jobs_per_second: f64,
    /// Of the calls.
    call: Percentiles,
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
            "{}: {} jobs submitted in {:.2} s: {:.0} jobs/s; a call of {} takes {:.2} ms at the \
             median, {:.2} ms at the 99th percentile",
            report.store,
            report.jobs,
            report.seconds,
            report.jobs_per_second,
            report.batch,
            report.call.median_ms,
            report.call.p99_ms,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, args: &Args) -> anyhow::Result<Report> {
    make_queue(scratch, "bench", None).await?;
    let job = job("bench")?;
    // The clients share the calls out evenly; the first get what is over.
    let share =
        |client: u32| args.jobs / args.clients + u32::from(client < args.jobs % args.clients);
    let began = Instant::now();
    let clients = (0..args.clients).map(|client| {
        let (store, job, batch) = (scratch.store().clone(), job.clone(), args.batch);
        let mut left = share(client);
        tokio::spawn(async move {
            let (mut jobs, mut calls) = (Vec::new(), Vec::new());
            while left > 0 {
                let now = left.min(batch);
                let began = Instant::now();
                let submitted = store.submit(&vec![job.clone(); now as usize]).await?;
                calls.push(began.elapsed());
                jobs.extend(submitted.iter().map(|submitted| submitted.job));
                left -= now;
            }
            anyhow::Ok((jobs, calls))
        })
    });
    let (mut jobs, mut calls): (Vec<JobId>, Vec<Duration>) = (Vec::new(), Vec::new());
    for client in futures_util::future::join_all(clients).await {
        let (of_client, took) = client??;
        jobs.extend(of_client);
        calls.extend(took);
    }
    let time = began.elapsed();
    check(scratch, jobs, args.jobs).await?;
    Ok(Report {
        store: scratch.store().kind(),
        jobs: args.jobs,
        batch: args.batch,
        clients: args.clients,
        seconds: time.as_secs_f64(),
        jobs_per_second: per_second(args.jobs, time),
        call: Percentiles::of(calls),
    })
}

/// Each acknowledged job is another one, and the first and the last are there.
async fn check(scratch: &Scratch, mut jobs: Vec<JobId>, expected: u32) -> anyhow::Result<()> {
    jobs.sort_unstable();
    jobs.dedup();
    if jobs.len() != expected as usize {
        let problem = format!(
            "{} of {expected} jobs were entered: this is no result",
            jobs.len()
        );
        return Err(Refused::failed(problem).into());
    }
    for job in jobs.first().into_iter().chain(jobs.last()) {
        scratch.store().show_job(*job).await?;
    }
    scratch::audit(scratch.store()).await
}
