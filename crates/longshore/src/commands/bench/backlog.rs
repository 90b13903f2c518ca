//! `longshore bench backlog`: whether a long line slows acquisition down.

use longshore_core::store::Store as _;
use serde::Serialize;

use super::flow::{Flow, Long, measure};
use super::percentiles::median;
use super::scratch::{self, Scratch};
use crate::context::Context;
use crate::exit::Exit;

/// Drain the head of lines of different lengths, in turns
///
/// Each line is kept at its length while a worker takes jobs from its head: what is submitted
/// meanwhile is the same for all.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench backlog --backlog 1000,1000000 --json")]
pub struct Args {
    /// How many jobs wait; the first is what the others are compared with
    #[arg(long, value_delimiter = ',', default_value = "1000,100000", value_parser = clap::value_parser!(u32).range(1000..=100_000_000))]
    backlog: Vec<u32>,
    /// For how many jobs each is measured
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..=10_000_000))]
    jobs: u32,
    /// How often each is measured
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
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
    max_concurrent: u32,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    backlog: u32,
    /// The median.
    jobs_per_second: f64,
    /// To the first.
    ratio: f64,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let mut store = "";
    let mut rates = vec![Vec::new(); args.backlog.len()];
    for _ in 0..args.rounds {
        for (backlog, rates) in args.backlog.iter().zip(&mut rates) {
            let flow = Flow {
                backlog: *backlog,
                until: Long::Jobs(u64::from(args.jobs)),
                max_concurrent: args.max_concurrent,
                is_pinned: false,
            };
            let one = async |scratch: &Scratch| {
                let kind = scratch.store().kind();
                Ok((kind, measure(scratch, &flow).await?))
            };
            let Some((kind, rate)) = scratch::during(context, one).await? else {
                return Ok(Exit::INTERRUPTED);
            };
            store = kind;
            rates.push(rate);
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    let lines = args
        .backlog
        .iter()
        .zip(&medians)
        .map(|(backlog, rate)| Line {
            backlog: *backlog,
            jobs_per_second: *rate,
            ratio: rate / medians[0],
        });
    let report = Report {
        store,
        jobs: args.jobs,
        rounds: args.rounds,
        max_concurrent: args.max_concurrent,
        lines: lines.collect(),
    };
    if args.json {
        context.out.json(&report)?;
    } else {
        for line in &report.lines {
            context.out.line(&format!(
                "{store}: {:.0} jobs/s while {} wait ({:.2})",
                line.jobs_per_second, line.backlog, line.ratio
            ))?;
        }
    }
    Ok(Exit::DONE)
}
