//! `longshore bench latency`: how soon an idle worker starts what is submitted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::spec::parse_duration;
use longshore_core::store::{Store as _, Submissions as _};
use longshore_history::{Expectation, JobId as RunJob};
use longshore_queue::{GracefulShutdown, Until, WorkerConfig};
use serde::Serialize;

use super::crew;
use super::drain::{job, make_queue};
use super::noop::Told;
use super::percentiles::Percentiles;
use super::scratch::{self, Scratch};
use super::witness::{self, WitnessFile};
use crate::context::Context;
use crate::exit::Exit;

/// Jobs that are not counted: the first ones wait for connections and plans.
const WARM_UP: u32 = 20;

/// Submit one job after another to an idle worker, and time how soon each runs
///
/// From the call that submits the job until the executor is asked to start it. The worker has
/// connections of its own, as if it were on another host.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench latency --jobs 500 --json")]
pub struct Args {
    /// How many jobs are timed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    jobs: u32,
    /// How long nothing happens between the end of a job and the next submission
    #[arg(long, default_value = "20ms", value_parser = parse_duration)]
    pause: Duration,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    /// From the call that submits until the job runs.
    submitted_to_running: Percentiles,
    /// The call alone.
    submit_call: Percentiles,
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
        let Percentiles {
            median_ms,
            p99_ms,
            max_ms,
            ..
        } = report.submitted_to_running;
        context.out.line(&format!(
            "{}: {} jobs ran {median_ms:.2} ms after they were submitted at the median, {p99_ms:.2} ms \
             at the 99th percentile, {max_ms:.2} ms at most; the submission itself {:.2} ms",
            report.store, report.jobs, report.submit_call.median_ms,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, args: &Args) -> anyhow::Result<Report> {
    make_queue(scratch, "bench", None).await?;
    let job = job("bench")?;
    let told = Told::default();
    let config = WorkerConfig {
        until: Until::Stopped,
        ..crew::config("bench".to_owned(), vec!["bench".to_owned()], 10)
    };
    let store = scratch.open_another().await?;
    let witnessed = Arc::new(WitnessFile::alone(&scratch.witness())?);
    let worker = crew::worker(store.clone(), config, &witnessed, told.clone())?;
    let shutdown = GracefulShutdown::new();
    let ending = shutdown.clone();
    let works = tokio::spawn(async move { worker.run(&ending).await });

    let (mut started, mut ended) = (told.started.subscribe(), told.ended.subscribe());
    let (mut jobs, mut waits, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=u64::from(WARM_UP + args.jobs) {
        let began = Instant::now();
        let submitted = scratch.store().submit(std::slice::from_ref(&job)).await?;
        let call = began.elapsed();
        let this = submitted.first().map(|submitted| submitted.job);
        let seen = started.wait_for(|seen| seen.map(|(job, _)| job) == this);
        let at = seen.await?.map_or(began, |(_, at)| at);
        ended.wait_for(|ended| *ended >= number).await?;
        jobs.extend(this);
        if number > u64::from(WARM_UP) {
            waits.push(at - began);
            calls.push(call);
        }
        tokio::time::sleep(args.pause).await;
    }
    shutdown.drain();
    works.await??;
    store.close().await;

    scratch::check(scratch.store(), WARM_UP + args.jobs).await?;
    witnessed.written()?;
    let expectation = Expectation::each_once(jobs.iter().map(|job| RunJob(job.0)));
    witness::judge(&scratch.witness(), &expectation)?;
    Ok(Report {
        store: scratch.store().kind(),
        jobs: args.jobs,
        submitted_to_running: Percentiles::of(waits),
        submit_call: Percentiles::of(calls),
    })
}
