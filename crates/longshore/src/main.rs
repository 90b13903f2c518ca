//! The `longshore` binary: reads the command line, sets up what the command needs, and turns
//! what comes back into an exit code. Decides nothing else.

mod address;
mod args;
mod cli;
mod commands;
mod config;
mod context;
mod executors;
mod exit;
mod follow;
mod log;
mod metrics;
mod open;
mod outage;
mod output;
mod status;
mod transcript;
mod waits;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::config::Config;
use crate::context::Context;
use crate::exit::Exit;

/// Commands are short, and a worker mostly waits: two threads keep an idle one small.
const RUNTIME_THREADS: usize = 2;

fn main() -> ExitCode {
    // First of all, before any thread: the shim forks, and must stay as small as it can.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == executors::SHIM)
    {
        return longshore_process::shim::main();
    }
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(refused) => return show_help_or_usage(&refused),
    };
    log::start(
        cli.global.log_format,
        cli.global.verbose,
        cli.global.color,
        cli.command.is_worker(),
    );
    let owns_failure = cli.command.speaks_for_a_job();
    let exit = run(cli).unwrap_or_else(|error| match exit::report(&error) {
        Exit::FAILED | Exit::UNAVAILABLE if owns_failure => Exit::OWN_FAILURE,
        // The job's end was not seen: that must not look like success.
        Exit::DONE if owns_failure => Exit::PIPE,
        exit => exit,
    });
    exit.into()
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let config = Config::load(cli.global.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("longshore")
        .enable_all()
        .build()?;
    let mut context = Context::new(cli.global, config);
    let exit = runtime.block_on(async {
        let result = cli.command.run(&mut context).await;
        context.close().await;
        result
    });
    // What a command wrote before it failed is data too.
    let written = context.out.flush();
    exit?.unless_unheard(written)
}

/// Help goes to stdout and is a success; what is wrong with the command line goes to stderr.
fn show_help_or_usage(refused: &clap::Error) -> ExitCode {
    // A closed pipe ends quietly.
    let _unheard = refused.print();
    if !refused.use_stderr() {
        return Exit::DONE.into();
    }
    if let Some(instead) = args::hint_for(refused) {
        output::hint(instead);
    }
    Exit::USAGE.into()
}
