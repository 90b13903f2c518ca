//! `longshore worker`: takes jobs and runs them.

mod args;

use anyhow::Context as _;
use longshore_core::executor::Executor as _;
use longshore_core::store::Store as _;
use longshore_queue::{EndedBy, GracefulShutdown, Monitor, Stage, Worker, WorkerConfig};
use longshore_server::{Probes, Server};
use tokio::signal::unix::{Signal, SignalKind};

pub use args::{Args, Settings};

use super::list;
use super::server;
use super::signals::{self, Interrupt, Interrupts};
use crate::context::Context;
use crate::executors;
use crate::exit::Exit;
use crate::log::LogFormat;
use crate::metrics::{self, Does};
use crate::output;

/// Works until it is told to stop, or as long as its flags say.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("worker")?;
    let mut config = args.to_config(&context.config.worker);
    with_machine(&mut config).await?;
    // Before the database is asked: what is wrong with the flags needs none.
    config.check()?;
    let greeting = greeting(&config);
    let metrics_listen = args.metrics_listen(&context.config.worker);
    let collected = match metrics_listen {
        Some(address) if !args.dry_run => Some((address, metrics::install(Does::Works)?)),
        _ => None,
    };
    let store = context.retrying().await?;
    let (executors, without_engine) =
        executors::to_serve_with(&context.config.docker, &args.settings.engines).await?;
    let worker = Worker::new(store.clone(), executors, config)?;
    if args.dry_run {
        let next = worker.preview().await?;
        let now = store.now().await?;
        list::write_page(&mut context.out, &next, now)?;
        return Ok(Exit::DONE);
    }
    let format = context.log_format();
    say(format, &greeting);
    if let Some(note) = without_engine {
        say(format, note);
    }
    let shutdown = GracefulShutdown::new();
    let Some((address, metrics)) = collected else {
        return work(worker, &shutdown, format).await;
    };
    let monitor = worker.monitor();
    let unready = move || {
        let monitor = monitor.clone();
        async move { monitor.unready().await }
    };
    let server = Server::of_probes(address, Probes::new(unready, metrics))?;
    let address = server.address();
    say(
        format,
        &format!("metrics and probes are at http://{address}"),
    );
    server::beside(server, work(worker, &shutdown, format)).await
}

/// Works until it is told to stop, and says what became of everything.
pub async fn work(
    worker: Worker,
    shutdown: &GracefulShutdown,
    format: LogFormat,
) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let listener = tokio::spawn(signals.heed(shutdown.clone(), worker.monitor(), format));
    let report = worker.run(shutdown).await;
    listener.abort();
    let report = report?;
    say(format, &report.to_string());
    Ok(match report.ended_by {
        EndedBy::Drained | EndedBy::Empty | EndedBy::OneBatch => Exit::DONE,
        EndedBy::Fault(_) => Exit::UNAVAILABLE,
    })
}

/// What it serves.
pub fn greeting(config: &WorkerConfig) -> String {
    let queues = match &config.queues[..] {
        [] => "every queue that this machine can serve".to_owned(),
        queues => queues.join(", "),
    };
    let most = config.max_concurrent;
    format!(
        "worker {} serves {queues}, at most {most} jobs at once",
        config.name
    )
}

/// Fills in what only the machine knows.
pub async fn with_machine(config: &mut WorkerConfig) -> anyhow::Result<()> {
    let host = executors::process()
        .host()
        .await
        .context("asking which machine this is")?;
    config.pid = std::process::id();
    if config.name.is_empty() {
        config.name = format!("{}-{}", host.name, config.pid);
    }
    config.hostname = host.name;
    config.boot_id = host.boot_id;
    env!("CARGO_PKG_VERSION").clone_into(&mut config.version);
    Ok(())
}

/// The signals that a worker heeds.
struct Signals {
    interrupts: Interrupts,
    status: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupts: Interrupts::listen()?,
            status: signals::listen(SignalKind::user_defined1())?,
        })
    }

    /// The first to end drains, the second forces; a hang-up drains, however often it comes; USR1
    /// shows the status. Never returns.
    async fn heed(mut self, shutdown: GracefulShutdown, monitor: Monitor, format: LogFormat) {
        loop {
            tokio::select! {
                interrupt = self.interrupts.next() => say_stage(format, match interrupt {
                    Interrupt::Asked => shutdown.signal(),
                    Interrupt::HungUp => shutdown.drain(),
                }),
                _ = self.status.recv() => match monitor.status().await {
                    Some(status) => say(format, &status.to_string()),
                    None => say(format, "not registered yet"),
                },
            }
        }
    }
}

fn say_stage(format: LogFormat, stage: Stage) {
    match stage {
        Stage::Running => {}
        Stage::Draining => say(
            format,
            "draining: nothing more is taken; a second signal stops what runs",
        ),
        Stage::Forced => say(format, "stopping what runs"),
    }
}

/// On stderr, in the form that its reader expects there.
pub fn say(format: LogFormat, text: &str) {
    match format {
        LogFormat::Text => output::talk(text),
        LogFormat::Json => tracing::info!("{text}"),
    }
}
