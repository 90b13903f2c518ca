//! `longshore up`: a worker and a server in one process, for a single machine.

use longshore_queue::{GracefulShutdown, Worker};

use super::server::{self, HttpArgs};
use super::worker;
use crate::context::Context;
use crate::executors;
use crate::exit::Exit;
use crate::metrics::{self, Does};

/// Run a worker and a server in one process, until told to stop
///
/// All that one machine needs: the jobs are in a file of this user's, unless --database names another
/// place. What is true of `longshore worker` and `longshore server` is true here: the first SIGTERM or
/// Ctrl-C drains, and the server answers until the last job has ended or was handed back.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore up --max-concurrent 8")]
pub struct Args {
    #[command(flatten)]
    worker: worker::Settings,
    #[command(flatten)]
    http: HttpArgs,
}

/// Works and answers until it is told to stop.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("up")?;
    let mut config = args.worker.to_config(&context.config.worker);
    worker::with_machine(&mut config).await?;
    config.check()?;
    let mut listening = args.http.listening(&context.config.http)?;
    listening.options.metrics = metrics::install(Does::Both)?;
    let store = context.retrying().await?;
    let server = server::bind(&store, listening).await?;
    let (executors, without_engine) =
        executors::to_serve_with(&context.config.docker, &args.worker.engines).await?;
    let greeting = worker::greeting(&config);
    let worker = Worker::new(store.clone(), executors, config)?;
    let format = context.log_format();
    server::say_where(format, &server);
    worker::say(format, &greeting);
    if let Some(note) = without_engine {
        worker::say(format, note);
    }
    let shutdown = GracefulShutdown::new();
    server::beside(server, worker::work(worker, &shutdown, format)).await
}
