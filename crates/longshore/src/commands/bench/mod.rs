//! `longshore bench`: what this machine and this database can do. Each mode makes a database of its
//! own and removes it again; it runs the same worker, queue and store verbs as production.

mod drain;
mod launch;
mod noop;
mod scratch;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Measure what this machine and this database can do
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench drain --jobs 20000 --json")]
pub struct Args {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand, Debug)]
enum Mode {
    Drain(drain::Args),
    Launch(launch::Args),
}

/// Runs a benchmark.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("bench")?;
    match args.mode {
        Mode::Drain(args) => drain::run(context, &args).await,
        Mode::Launch(args) => launch::run(context, &args).await,
    }
}
