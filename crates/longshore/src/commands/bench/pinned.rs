//! `longshore bench pinned`: what another's long transaction costs.

use std::time::Duration;

use longshore_core::spec::parse_duration;
use serde::Serialize;

use super::flow::{Flow, Long, measure};
use super::scratch::{self, Turns};
use crate::context::Context;
use crate::exit::Exit;

/// Drain a steady flow while another transaction keeps all that is dead from being removed
///
/// On PostgreSQL a transaction holds its snapshot, and no vacuum removes what died since; on SQLite a
/// reader holds one, and the log can't be written back. The same flow is measured without, in turns.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench pinned --time 5m --json")]
pub struct Args {
    /// For how long each is measured
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    time: Duration,
    /// How often each is measured
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How many jobs wait all the time
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1000..=100_000_000))]
    backlog: u32,
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
    seconds: f64,
    rounds: u32,
    backlog: u32,
    max_concurrent: u32,
    /// Medians.
    free_jobs_per_second: f64,
    pinned_jobs_per_second: f64,
    ratio: f64,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let flows = [false, true].map(|is_pinned| Flow {
        backlog: args.backlog,
        until: Long::Time(args.time),
        max_concurrent: args.max_concurrent,
        is_pinned,
    });
    let Some(Turns { store, medians }) =
        scratch::in_turns(context, args.rounds, &flows, measure).await?
    else {
        return Ok(Exit::INTERRUPTED);
    };
    let (free, pinned) = (medians[0], medians[1]);
    let report = Report {
        store,
        seconds: args.time.as_secs_f64(),
        rounds: args.rounds,
        backlog: args.backlog,
        max_concurrent: args.max_concurrent,
        free_jobs_per_second: free,
        pinned_jobs_per_second: pinned,
        ratio: pinned / free,
    };
    if args.json {
        context.out.json(&report)?;
    } else {
        context.out.line(&format!(
            "{store}: {free:.0} jobs/s; while another transaction holds its snapshot: {pinned:.0} ({:.2})",
            report.ratio
        ))?;
    }
    Ok(Exit::DONE)
}
