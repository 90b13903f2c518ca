//! `longshore bench limits`: what a limit costs, and what many queues do.

use serde::Serialize;

use super::crew::Crew;
use super::drain::{Load, drain, per_second};
use super::scratch::{self, Scratch, Turns};
use crate::context::Context;
use crate::exit::Exit;

/// Drain the same jobs without a limit, under one, and from many queues, in turns
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench limits --jobs 20000 --rounds 5 --json")]
pub struct Args {
    /// How many jobs each time
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    jobs: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The limit
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// How many queues
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    queues: u32,
    /// The most jobs that the worker runs at once
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_concurrent: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    rounds: u32,
    limit: u32,
    queues: u32,
    max_concurrent: u32,
    /// Medians.
    plain_jobs_per_second: f64,
    limited_jobs_per_second: f64,
    queues_jobs_per_second: f64,
    limited_ratio: f64,
    queues_ratio: f64,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let plain = Load {
        jobs: args.jobs,
        queues: 1,
        limit: None,
        crew: Crew::Tasks(1),
        max_concurrent: args.max_concurrent,
    };
    let limited = Load {
        limit: Some(args.limit),
        ..plain
    };
    let spread = Load {
        queues: args.queues,
        ..plain
    };
    let rate = async |scratch: &Scratch, load: &Load| {
        let drained = drain(scratch, load).await?;
        Ok(per_second(load.jobs, drained.draining))
    };
    let loads = [plain, limited, spread];
    let Some(Turns { store, medians }) =
        scratch::in_turns(context, args.rounds, &loads, rate).await?
    else {
        return Ok(Exit::INTERRUPTED);
    };
    let (plain, limited, spread) = (medians[0], medians[1], medians[2]);
    let report = Report {
        store,
        jobs: args.jobs,
        rounds: args.rounds,
        limit: args.limit,
        queues: args.queues,
        max_concurrent: args.max_concurrent,
        plain_jobs_per_second: plain,
        limited_jobs_per_second: limited,
        queues_jobs_per_second: spread,
        limited_ratio: limited / plain,
        queues_ratio: spread / plain,
    };
    if args.json {
        context.out.json(&report)?;
    } else {
        context.out.line(&format!(
            "{store}: {plain:.0} jobs/s; under a limit of {}: {limited:.0} ({:.2}); from {} queues: \
             {spread:.0} ({:.2})",
            args.limit, report.limited_ratio, args.queues, report.queues_ratio,
        ))?;
    }
    Ok(Exit::DONE)
}
