//! Logs, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::output::ColorChoice;

/// How logs are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    // For people.
    #[default]
    Text,
    // One object per line.
    Json,
}

/// Begins to log. `RUST_LOG` decides what, if it says anything; else `-v`; else what the command
/// needs: a worker tells what it does, other commands only what is wrong.
pub fn start(format: LogFormat, verbose: u8, color: ColorChoice, is_worker: bool) {
    let level = match verbose {
        0 if is_worker => "info",
        0 => "warn",
        1 => "debug",
        _ => "trace",
    };
    // Only our own crates by default: drivers log queries, and with them what jobs hold.
    let default = format!(
        "warn,longshore={level},longshore_queue={level},longshore_process={level},\
         longshore_sqlite={level},longshore_postgres={level},longshore_server={level}"
    );
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let asked = Some(asked).filter(|asked| !asked.is_empty());
    let filter = asked
        .and_then(|asked| EnvFilter::try_new(asked).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => {
            let colored = color.is_on(io::stderr().is_terminal());
            builder.with_ansi(colored).with_target(false).init();
        }
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
