//! `longshore bench memory`: what a worker takes that has many jobs in its hands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use longshore_core::spec::parse_duration;
use longshore_core::store::{Store as _, Submissions as _};
use longshore_queue::GracefulShutdown;
use serde::Serialize;

use super::crew;
use super::drain::{job, make_queue};
use super::noop::Told;
use super::percentiles::median;
use super::scratch::{self, Scratch};
use super::witness::WitnessFile;
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// How often we look.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The looks whose medians are compared: so many first ones and so many last ones.
const LOOKS: usize = 30;

/// Let a worker hold jobs that go on and on, and look at its memory
///
/// The jobs run within this process, which has the worker and nothing else to do; what they hold is what the
/// worker keeps of a running job. On Linux alone, which counts the memory.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench memory --jobs 1000 --time 10m --json")]
pub struct Args {
    /// How many jobs run
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1000))]
    jobs: u32,
    /// For how long, once all of them run
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    time: Duration,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    seconds: f64,
    /// Resident, in MiB: the median of the first half minute, of the last, and the most of all.
    first_mib: f64,
    last_mib: f64,
    most_mib: f64,
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
            "{}: with {} running jobs {:.1} MiB at first, {:.1} MiB after {:.0} s, at most {:.1} MiB",
            report.store,
            report.jobs,
            report.first_mib,
            report.last_mib,
            report.seconds,
            report.most_mib,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, args: &Args) -> anyhow::Result<Report> {
    resident_mib()?; // Said before anything is done.
    make_queue(scratch, "bench", None).await?;
    let jobs = vec![job("bench")?; args.jobs as usize];
    scratch.store().submit(&jobs).await?;

    let told = Told::default();
    told.holds.send_replace(true);
    let witness = Arc::new(WitnessFile::alone(&scratch.witness())?);
    let config = crew::config("bench-1".to_owned(), vec!["bench".to_owned()], args.jobs);
    let worker = crew::worker(scratch.store().clone(), config, &witness, told.clone())?;
    let work = tokio::spawn(async move { worker.run(&GracefulShutdown::new()).await });
    let mut running = told.running.subscribe();
    running
        .wait_for(|running| *running == u64::from(args.jobs))
        .await?;

    let began = Instant::now();
    let mut looks = Vec::new();
    while began.elapsed() < args.time || looks.is_empty() {
        tokio::time::sleep(LOOK_INTERVAL.min(args.time)).await;
        looks.push(resident_mib()?);
    }
    let seconds = began.elapsed().as_secs_f64();

    told.holds.send_replace(false);
    work.await??;
    witness.written()?;
    scratch::check(scratch.store(), args.jobs).await?;
    let last = looks.len().saturating_sub(LOOKS);
    Ok(Report {
        store: scratch.store().kind(),
        jobs: args.jobs,
        seconds,
        first_mib: median(looks.iter().take(LOOKS).copied().collect()),
        last_mib: median(looks[last..].to_vec()),
        most_mib: looks.iter().copied().fold(0.0, f64::max),
    })
}

/// What this process has in memory, as the kernel counts it.
fn resident_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status");
    let status = status
        .map_err(|_| Refused::unavailable("only Linux tells how much memory a process has"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib
        .context("/proc/self/status says nothing of VmRSS")?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}
