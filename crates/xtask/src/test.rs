//! `cargo xtask test`: everything that must hold before a change lands, in one command.
//!
//! Owns the order of the steps and how they are reported. Cheap steps come first, and the first
//! that fails ends the run. No step changes `RUSTFLAGS` or the target folder, so that each
//! builds on what those before it have compiled. Each takes `Cargo.lock` as it is.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::debian::{Tool, provide};
use crate::engine::Engines;
use crate::metadata::cargo;
use crate::postgres::{Cluster, binaries};
use crate::process::check;
use crate::{browser, deployment, edges, licences, pooler, python, teeth};

/// The bundled SQLite is C. Only a machine whose Rust links by something else than `cc` gets as
/// far as this without one, but there the error of the build would not say what to install.
const C_COMPILER: Tool = Tool {
    what: "a C compiler (`cc`)",
    packages: &["gcc", "libc6-dev"],
    elsewhere: "install one, or name it in the variable CC, and try again",
};

/// What a person may say about the run.
#[derive(clap::Args)]
pub struct Arguments {
    /// Skip the check of licences and sources, which may have to build its tool first, and that the
    /// tests catch every planted bug.
    #[arg(long)]
    quick: bool,
    /// Passed on to `cargo test`: the name of a test, for example.
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// Runs every step in the workspace at `root`, up to the first that fails.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let command = |words: &[&str]| {
        let mut command = Command::new(cargo());
        command.args(words).current_dir(root);
        command
    };
    let cargo_runs = |words: &[&str]| check(&mut command(words));

    let provided = step("prerequisites", || prerequisites(root))?;
    step("format", || cargo_runs(&["fmt", "--all", "--check"]))?;
    step("edges", || edges::run(root))?;
    if !arguments.quick {
        step("licences", || licences::run(root))?;
    }
    step("clippy", || {
        let all = ["clippy", "--workspace", "--all-targets", "--locked"];
        cargo_runs(&[&all[..], &["--", "-D", "warnings"]].concat())?;
        // What only a build with the fault points and the planted bugs compiles.
        let faults = [
            "clippy",
            "-p",
            "longshore",
            "--tests",
            "--features",
            "faults",
            "--locked",
        ];
        cargo_runs(&[&faults[..], &["--", "-D", "warnings"]].concat())
    })?;
    step("docs", || {
        check(
            // With the private items, since the docs are written for whoever reads the code.
            command(&[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
                "--locked",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
        )
    })?;
    step("build", || {
        cargo_runs(&["build", "--workspace", "--all-targets", "--locked"])
    })?;
    step("tests", || tests(root, &provided, &arguments.arguments))?;
    let engines = provided.engines;
    // Whoever asked for some of the tests did not ask whether all of them can fail.
    if !arguments.quick && arguments.arguments.is_empty() {
        let all = teeth::Arguments::default();
        step("teeth", || teeth::run(root, &all, engines.as_ref()))?;
    }
    engines.map_or(Ok(()), Engines::stop)?;

    eprintln!(
        "\ncargo xtask test: all steps passed in {}",
        seconds(started.elapsed())
    );
    Ok(())
}

/// One step, between a headline and its time. A failure says both, and becomes the last line.
fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n==> {name}");
    let started = Instant::now();
    let outcome = work();
    let elapsed = seconds(started.elapsed());
    if outcome.is_ok() {
        eprintln!("==> {name}: ok in {elapsed}");
    }
    outcome.with_context(|| format!("the step `{name}` failed after {elapsed}"))
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// What the later steps need.
struct Provided {
    /// PostgreSQL's programs.
    postgres: PathBuf,
    engines: Option<Engines>,
    python: Option<PathBuf>,
    chromium: Option<PathBuf>,
}

/// Makes sure that all of it is there. The engines start early: a machine that cannot run one says so at once.
fn prerequisites(root: &Path) -> Result<Provided> {
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let found = Command::new(compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // Only whether it can be started: a compiler that does not know the option is one, too.
    if found.is_err() {
        provide(&C_COMPILER)?;
    }
    let postgres = binaries::find_or_install()?;
    pooler::find_or_install()?;
    deployment::find_or_install()?;
    Ok(Provided {
        python: python::find_or_install(root)?,
        chromium: browser::find_or_install()?,
        postgres,
        engines: engines()?,
    })
}

/// The engines; without, on CI, a failure, and elsewhere a line that says why the tests will
/// report themselves as skipped.
pub fn engines() -> Result<Option<Engines>> {
    let on_ci = env::var_os("CI").is_some();
    // An engine that is given brings podman or does not: that is its giver's decision.
    let insist_on_podman = on_ci && !Engines::are_given();
    match Engines::start(insist_on_podman) {
        Ok(engines) => Ok(Some(engines)),
        Err(error) if on_ci => Err(error),
        Err(error) => {
            eprintln!("no container engine, so tests that need one are skipped: {error:#}");
            Ok(None)
        }
    }
}

fn tests(root: &Path, provided: &Provided, arguments: &[OsString]) -> Result<()> {
    let cluster = Cluster::start(&provided.postgres, None)?;
    let mut command = Command::new(cargo());
    command
        .args(["test", "--workspace", "--no-fail-fast", "--locked"])
        .args(arguments)
        .current_dir(root);
    if let Some(engines) = &provided.engines {
        engines.visible_to(&mut command);
    }
    let programs = [
        (python::VARIABLE, &provided.python),
        (browser::VARIABLE, &provided.chromium),
    ];
    for (variable, program) in programs {
        command.envs(program.as_ref().map(|program| (variable, program)));
    }
    check(cluster.visible_to(&mut command))?;
    cluster.stop()
}
