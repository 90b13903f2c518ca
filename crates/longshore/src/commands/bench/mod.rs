//! `longshore bench`: what this machine and this database can do. Each mode makes a database of its
//! own and removes it again; it runs the same worker, queue and store verbs as production, and gives
//! no figures unless each job ran exactly once.

mod backlog;
mod crew;
mod drain;
mod flow;
mod idle;
mod latency;
mod launch;
mod limits;
mod memory;
mod noop;
mod percentiles;
mod pinned;
mod scratch;
mod submit;
mod witness;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Measure what this machine and this database can do
///
/// Each benchmark uses a new database beside the one that --database or its variable names (on
/// PostgreSQL the user must be allowed to create databases), or a temporary file, and removes it
/// again, also when interrupted. The jobs do nothing, in the worker's own process; they write down
/// that they ran, and if one was lost, or ran twice, or was over a limit, there are no figures but an
/// error.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench drain --jobs 20000 --json")]
pub struct Args {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand, Debug)]
enum Mode {
    Drain(drain::Args),
    Submit(submit::Args),
    Latency(latency::Args),
    Backlog(backlog::Args),
    Pinned(pinned::Args),
    Limits(limits::Args),
    Idle(idle::Args),
    Memory(memory::Args),
    Launch(launch::Args),
    #[command(hide = true)]
    Work(crew::Args),
}

/// Runs a benchmark.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("bench")?;
    match args.mode {
        Mode::Drain(args) => drain::run(context, &args).await,
        Mode::Submit(args) => submit::run(context, &args).await,
        Mode::Latency(args) => latency::run(context, &args).await,
        Mode::Backlog(args) => backlog::run(context, &args).await,
        Mode::Pinned(args) => pinned::run(context, &args).await,
        Mode::Limits(args) => limits::run(context, &args).await,
        Mode::Idle(args) => idle::run(context, &args).await,
        Mode::Memory(args) => memory::run(context, &args).await,
        Mode::Launch(args) => launch::run(context, &args).await,
        Mode::Work(args) => crew::run(context, args).await,
    }
}
