//! `longshore bench backlog`: whether a long line slows acquisition down.

use serde::Serialize;

use super::flow::{Flow, Long, measure};
use super::scratch::{self, Turns};
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
    let flow = |backlog: &u32| Flow {
        backlog: *backlog,
        until: Long::Jobs(u64::from(args.jobs)),
        max_concurrent: args.max_concurrent,
        is_pinned: false,
    };
    let flows: Vec<Flow> = args.backlog.iter().map(flow).collect();
    let Some(Turns { store, medians }) =
        scratch::in_turns(context, args.rounds, &flows, measure).await?
    else {
        return Ok(Exit::INTERRUPTED);
    };
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
