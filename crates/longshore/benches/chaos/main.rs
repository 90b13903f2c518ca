//! Chaos cells: a fleet under a steady load, one fault or pressure each, and what became of the jobs and
//! of the rate. `cargo xtask chaos` runs them; `docs/testing.md` says what a cell is.
//!
//! ```text
//!            submissions, at a share of the measured capacity
//! warm-up │ before: 30 s │ fault ... │ after: 30 s that begin at most 30 s later │ TERM │ drained, judged
//! ```
//!
//! Everything is real: a PostgreSQL server of the cell's own with its defaults, worker processes with
//! theirs, and jobs that write their own START and END. What is judged comes from these lines and from
//! the tables; rates are counted from the lines alone.

#[path = "../../tests/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

// What the demo tells the checker of a job is what the cells tell it.
#[path = "../../src/commands/demo/stored.rs"]
mod stored;

mod cell;
mod faults;
mod fleet;
mod judge;
mod load;
mod rates;
mod report;
mod soak;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum as _};

use crate::cell::Cell;

/// Run chaos cells, and print what became of the jobs and of the rate
#[derive(Parser)]
pub struct Arguments {
    /// Only these cells
    #[arg(value_enum)]
    cells: Vec<Cell>,
    /// The load, in percent of the measured capacity
    #[arg(long, value_name = "PERCENT", default_value_t = 55)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    load: u8,
    /// For how long the rate is counted before a fault, and after it
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(5..))]
    window: u64,
    /// Instead of the cells, one run of so many minutes with every fault in turn, one a minute
    #[arg(long, value_name = "MINUTES", conflicts_with_all = ["cells", "window"])]
    #[arg(value_parser = clap::value_parser!(u64).range(3..))]
    soak: Option<u64>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let capacity = stage::capacity().await;
    eprintln!("capacity: {capacity:.0} jobs/s");
    let share = f64::from(arguments.load) / 100.0;
    let rate = capacity * share;
    if let Some(minutes) = arguments.soak {
        let outcome = soak::run(rate, Duration::from_secs(60 * minutes)).await;
        return report::soak(&outcome);
    }
    let cells = match arguments.cells.as_slice() {
        [] => Cell::value_variants(),
        some => some,
    };
    let mut outcomes = Vec::new();
    for cell in cells {
        eprintln!("==> {cell}: {rate:.0} jobs/s");
        let window = Duration::from_secs(arguments.window);
        let outcome = cell::run(*cell, capacity, share, window).await;
        eprintln!("{}", report::line(&outcome));
        outcomes.push(outcome);
    }
    report::table(capacity, share, &outcomes)
}
