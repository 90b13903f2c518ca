//! `longshore stats`: counts over everything.

use std::collections::BTreeMap;

use longshore_core::State;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use serde::Serialize;

use super::queue;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::table;

/// Count jobs, over all queues and by queue
///
/// What waits, what runs, and how jobs ended. Counting stops at 100,000, so that it costs the
/// same at any size.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore stats --json | jq .metrics.queue_depth")]
pub struct Args {
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// All counts.
#[derive(Serialize)]
struct Stats {
    metrics: WorkerMetrics,
    settled: BTreeMap<State, Count>,
    queues: Vec<QueueStats>,
}

/// Counts.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let stats = Stats {
        metrics: store.worker_metrics().await?,
        settled: store.settled_counts().await?,
        queues: store.queue_stats().await?,
    };
    let out = &mut context.out;
    if args.json {
        out.json(&stats)?;
        return Ok(Exit::DONE);
    }
    let ended = |state| stats.settled.get(&state).copied().unwrap_or_default();
    let counts = [
        ("waiting", stats.metrics.queue_depth),
        ("due", stats.metrics.ready_now),
        ("later", stats.metrics.scheduled_future),
        ("launching", stats.metrics.launching),
        ("running", stats.metrics.running),
        ("completed", ended(State::Completed)),
        ("failed", ended(State::Failed)),
        ("never started", stats.metrics.launch_failed),
        ("timed out", ended(State::TimedOut)),
        ("cancelled", ended(State::Cancelled)),
    ];
    table::facts(
        out,
        &counts.map(|(name, count)| (name, Some(count.to_string()))),
    )?;
    out.line("")?;
    queue::write_table(out, &stats.queues)?;
    Ok(Exit::DONE)
}
