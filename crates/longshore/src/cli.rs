//! The command line as a whole: what every command shares.

#![expect(
    clippy::doc_markdown,
    reason = "these doc comments are help, shown as they stand"
)]

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;
use crate::log::LogFormat;
use crate::output::ColorChoice;

/// A durable queue for container jobs.
///
/// Jobs wait in a database (a file on this machine, or PostgreSQL for a fleet) until a worker
/// takes them, runs each to its end, and keeps its exit code and its output.
#[derive(Parser, Debug)]
#[command(
    name = "longshore",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(after_help = "Example: longshore run -- echo hello\n\n\
    Exit codes: 0 done, 1 the request failed, 2 usage, 3 the system is unavailable,\n\
    130 interrupted. Under `run` and `--wait` the job's own code; 124 timed out,\n\
    125 Longshore's own failure, 128 + n ended by signal n.")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The database: sqlite:PATH or postgres://USER@HOST/DATABASE [default: a file in the user's
    /// data folder]
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "LONGSHORE_DATABASE_URL"
    )]
    #[arg(hide_env_values = true)]
    pub database: Option<String>,
    /// The configuration file [default: ~/.config/longshore/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "LONGSHORE_CONFIG")]
    #[arg(hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// When to colour; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_default_value = true)]
    pub color: ColorChoice,
    /// Say more on stderr; twice for everything (RUST_LOG says it finer)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How logs are written to stderr; json is an object per line
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    #[arg(
        env = "LONGSHORE_LOG_FORMAT",
        hide_env_values = true,
        hide_default_value = true
    )]
    pub log_format: LogFormat,
}
