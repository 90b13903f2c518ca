//! `cargo xtask`: the checks and chores of this repository.
//!
//! Owns what a contributor or CI runs around the product: the test command, the table of
//! forbidden dependencies, the licence check and throw-away servers for tests. The product never
//! depends on it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod browser;
mod chaos;
mod debian;
mod deployment;
mod edges;
mod engine;
mod guarded;
mod licences;
mod metadata;
mod pooler;
mod postgres;
mod process;
mod python;
mod release;
mod repeat;
mod teeth;
mod test;

/// Checks and chores of the Longshore repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check that no crate depends on what its place in the house forbids (also: what CI runs
    /// first after formatting).
    Edges,
    /// Run a throw-away PostgreSQL, until Ctrl-C or end of input, or for the length of one
    /// command, which finds it in `LONGSHORE_TEST_POSTGRES_URL`.
    ///
    /// Example: `cargo xtask postgres -- cargo test -p longshore-postgres`
    Postgres(postgres::Arguments),
    /// The process that owns the server; started by the other commands, never by a person.
    #[command(name = postgres::GUARD_COMMAND, hide = true)]
    PostgresGuard(postgres::GuardArguments),
    /// Run a throw-away Docker engine, and a podman where there is one, until Ctrl-C or end of
    /// input, or for the length of one command, which finds them in `LONGSHORE_TEST_DOCKER` and
    /// `LONGSHORE_TEST_PODMAN`. Both have the image `busybox:local`. Needs root.
    ///
    /// Example: `cargo xtask docker -- cargo test -p longshore-docker`
    Docker(engine::Arguments),
    /// The process that owns the engines; started by the other commands, never by a person.
    #[command(name = engine::GUARD_COMMAND, hide = true)]
    DockerGuard(engine::GuardArguments),
    /// Run a command again and again, until it fails or has succeeded often enough.
    ///
    /// Example: `cargo xtask postgres -- cargo xtask repeat 50 --busy 1 -- cargo test -p longshore
    /// --test concurrency`
    Repeat(repeat::Arguments),
    /// Put a fleet of workers under load, and let befall it what befalls fleets: the server restarted,
    /// its sessions ended, no connection to be had, workers killed; readers, bursts, an idle
    /// transaction. Prints a table, and fails where a job was lost or doubled, the limit exceeded, or
    /// the rate did not come back. A release build; some twenty minutes.
    ///
    /// Examples: `cargo xtask chaos worker-crash`, `cargo xtask chaos --soak 30`
    Chaos(chaos::Arguments),
    /// Build and pack what is handed out: an archive with a static binary, its checksum, and the context of
    /// the container image, in `target/dist`. Some minutes.
    ///
    /// Example: `cargo xtask release --image registry.example/longshore:0.1.0`
    Release(release::Arguments),
    /// Everything that must hold before a change lands: format, edges, licences, lints, links of
    /// the docs, build, and all tests against a throw-away PostgreSQL and Docker.
    ///
    /// Example: `cargo xtask test --quick -- stale_token`
    Test(test::Arguments),
    /// Plant each known bug in a test build, and see that the named test catches it as the breach of
    /// the named promise; writes `TEETH.md`. Fails when a bug survives.
    ///
    /// Example: `cargo xtask teeth no_backoff`
    Teeth(teeth::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Edges => edges::run(&repository()).map(|()| ExitCode::SUCCESS),
        Chore::Postgres(arguments) => postgres::run(&arguments),
        Chore::PostgresGuard(arguments) => {
            postgres::run_guard(&arguments).map(|()| ExitCode::SUCCESS)
        }
        Chore::Docker(arguments) => engine::run(&arguments),
        Chore::DockerGuard(arguments) => engine::run_guard(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::Release(arguments) => {
            release::run(&repository(), &arguments).map(|()| ExitCode::SUCCESS)
        }
        Chore::Repeat(arguments) => repeat::run(&arguments),
        Chore::Chaos(arguments) => {
            chaos::run(&repository(), &arguments).map(|()| ExitCode::SUCCESS)
        }
        Chore::Teeth(arguments) => {
            teeth::alone(&repository(), &arguments).map(|()| ExitCode::SUCCESS)
        }
        Chore::Test(arguments) => test::run(&repository(), &arguments).map(|()| ExitCode::SUCCESS),
    };
    // `exit` is never called: the owner of a server stops it when it is dropped.
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

/// The root of the repository, wherever in it the command was typed.
fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("xtask lives two folders below the root")
        .to_owned()
}
