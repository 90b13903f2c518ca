//! `cargo xtask repeat`: a command again and again, for tests that must never be flaky.
//!
//! Owns the counting and the busy cores. What is repeated brings its own servers, or is run within
//! another chore that does.

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a person may say about the runs.
#[derive(clap::Args)]
pub struct Arguments {
    /// How often.
    #[arg(default_value_t = 50)]
    times: u32,
    /// Go on for so many minutes instead: a soak.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Keep so many cores busy meanwhile, so that threads are interrupted where they seldom are.
    #[arg(long, value_name = "CORES", default_value_t = 0)]
    busy: usize,
    /// The command.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command until it fails, or has succeeded as often or as long as was asked.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let busy = Busy::cores(arguments.busy);
    let begun = Instant::now();
    let soak = arguments
        .minutes
        .map(|minutes| Duration::from_secs(60 * minutes));
    let mut times = Vec::new();
    loop {
        let is_enough = match soak {
            Some(soak) => begun.elapsed() >= soak && !times.is_empty(),
            None => times.len() >= arguments.times as usize,
        };
        if is_enough {
            break;
        }
        let number = times.len() + 1;
        let started = Instant::now();
        let (program, words) = arguments.command.split_first().context("no command")?;
        let status = Command::new(program).args(words).status();
        let status = status.with_context(|| format!("{} can't be run", program.display()))?;
        let took = started.elapsed();
        if !status.success() {
            bail!(
                "run {number} failed ({status}) after {:.1} s",
                took.as_secs_f64()
            );
        }
        eprintln!("==> run {number}: ok in {:.1} s", took.as_secs_f64());
        times.push(took);
    }
    drop(busy);
    times.sort_unstable();
    let (runs, median, longest) = (times.len(), times[times.len() / 2], times[times.len() - 1]);
    eprintln!(
        "==> {runs} runs, none failed: median {:.1} s, longest {:.1} s",
        median.as_secs_f64(),
        longest.as_secs_f64()
    );
    Ok(ExitCode::SUCCESS)
}

/// Threads that do nothing, as fast as they can; they end with this.
struct Busy {
    stop: Arc<AtomicBool>,
}

impl Busy {
    fn cores(count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..count {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self { stop }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
