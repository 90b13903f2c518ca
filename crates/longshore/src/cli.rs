//! The command line as a whole: what every command shares.

#![expect(
    clippy::doc_markdown,
    reason = "these doc comments are help, shown as they stand"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command as Syntax, CommandFactory as _, FromArgMatches as _, Parser};

use crate::commands::Command;
use crate::config::STORE_VARIABLES;
use crate::context::{SUBMIT_QUEUE, TOKEN};
use crate::log::LogFormat;
use crate::output::ColorChoice;

/// A durable queue for container jobs.
///
/// Jobs wait in a database (a file on this machine, or PostgreSQL for a fleet) until a worker
/// takes them, runs each to its end, and keeps its exit code and its output.
#[derive(Parser, Debug)]
#[command(name = "longshore", version, max_term_width = 100)]
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

impl Cli {
    /// Reads this process's command line, and its variables.
    pub fn read() -> Result<Self, clap::Error> {
        let mut syntax = without_empty_variables(Self::command());
        let matches = syntax.try_get_matches_from_mut(std::env::args_os())?;
        let mut cli =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut syntax))?;
        cli.global.names_database = is_flag(&matches, "database");
        cli.global.names_server = is_flag(&matches, "server");
        Ok(cli)
    }

    /// The syntax of the whole command line, for what is made from it.
    pub fn syntax() -> Syntax {
        Self::command()
    }

    /// Every variable that means something.
    pub fn variables() -> BTreeSet<String> {
        let mut found = BTreeSet::from([SUBMIT_QUEUE, TOKEN].map(str::to_owned));
        found.extend(STORE_VARIABLES.map(str::to_owned));
        collect_variables(&Self::command(), &mut found);
        found
    }
}

fn collect_variables(syntax: &Syntax, into: &mut BTreeSet<String>) {
    let variables = syntax.get_arguments().filter_map(Arg::get_env);
    into.extend(variables.map(|name| name.to_string_lossy().into_owned()));
    for inner in syntax.get_subcommands() {
        collect_variables(inner, into);
    }
}

/// A variable that is set to nothing is as good as none, here as in the shell.
fn without_empty_variables(syntax: Syntax) -> Syntax {
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    syntax
        .mut_args(|arg| {
            if is_empty(&arg) {
                arg.env(Resettable::Reset)
            } else {
                arg
            }
        })
        .mut_subcommands(without_empty_variables)
}

/// Whether a flag was given by hand, rather than by its variable.
fn is_flag(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
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
    /// Whether it was the flag that named the database, and not the variable.
    #[arg(skip)]
    pub names_database: bool,
    /// A server to ask instead of the database: http://HOST:PORT
    #[arg(long, global = true, value_name = "URL", env = "LONGSHORE_SERVER")]
    #[arg(hide_env_values = true)]
    pub server: Option<String>,
    /// Whether it was the flag that named the server, and not the variable.
    #[arg(skip)]
    pub names_server: bool,
    /// A file with the token that is shown to the server (or LONGSHORE_TOKEN has it)
    #[arg(long, global = true, value_name = "FILE", env = "LONGSHORE_TOKEN_FILE")]
    #[arg(hide_env_values = true)]
    pub token_file: Option<PathBuf>,
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
