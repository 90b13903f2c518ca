//! `longshore bench launch`: how many containers the queue gets through an engine.

use std::collections::BTreeMap;
use std::time::Instant;

use longshore_core::JobSpec;
use longshore_core::queue::NewQueue;
use longshore_core::store::{Registry as _, Store as _, Submissions as _};
use longshore_queue::{GracefulShutdown, Until, Worker, WorkerConfig};
use serde::Serialize;

use super::scratch::{self, Scratch};
use crate::args::EngineArgs;
use crate::commands::worker::with_machine;
use crate::config::DockerConfig;
use crate::context::Context;
use crate::executors;
use crate::exit::{Exit, Refused};
use crate::output;

/// Time how fast a worker gets containers through an engine
///
/// From the worker's start until each job's end is stored and its container removed. Each job runs
/// `true` in the image, which must have it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore bench launch --image busybox:1.36 --jobs 100 --json")]
pub struct Args {
    /// How many jobs
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    jobs: u32,
    /// The most at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_concurrent: u32,
    /// The image
    #[arg(long, value_name = "IMAGE", default_value = "busybox")]
    image: String,
    #[command(flatten)]
    engines: EngineArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    store: &'static str,
    jobs: u32,
    max_concurrent: u32,
    seconds: f64,
    containers_per_second: f64,
}

/// Runs it.
pub async fn run(context: &mut Context, args: &Args) -> anyhow::Result<Exit> {
    let docker = &context.config.docker;
    let measured = async |scratch: &Scratch| measure(scratch, docker, args).await;
    let Some(report) = scratch::during(context, measured).await? else {
        return Ok(Exit::INTERRUPTED);
    };
    if args.json {
        context.out.json(&report)?;
    } else {
        context.out.line(&format!(
            "{}: {} containers in {:.2} s: {:.2} containers/s",
            report.store, report.jobs, report.seconds, report.containers_per_second,
        ))?;
    }
    Ok(Exit::DONE)
}

async fn measure(scratch: &Scratch, docker: &DockerConfig, args: &Args) -> anyhow::Result<Report> {
    let store = scratch.store();
    let queue = NewQueue {
        name: "bench".to_owned(),
        executor: longshore_docker::KIND.to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: None,
    };
    store.create_queue(&queue).await?;
    let job = JobSpec {
        queue: Some(queue.name),
        image: Some(args.image.clone()),
        ..JobSpec::process(["true"])
    };
    store
        .submit(&vec![job.validate()?; args.jobs as usize])
        .await?;
    let mut executors = executors::to_work_with(docker, &args.engines).await?;
    executors.retain(|executor| executor.kind() == longshore_docker::KIND);
    if executors.is_empty() {
        let refused = Refused::unavailable("no container engine answers");
        return Err(refused
            .hint("`longshore doctor` says where it was looked for")
            .into());
    }
    let mut config = WorkerConfig {
        queues: vec!["bench".to_owned()],
        max_concurrent: args.max_concurrent,
        until: Until::Empty,
        ..WorkerConfig::default()
    };
    with_machine(&mut config).await?;
    let worker = Worker::new(store.clone(), executors, config)?;
    let began = Instant::now();
    let report = worker.run(&GracefulShutdown::new()).await?;
    let seconds = began.elapsed().as_secs_f64();
    output::talk(&report.to_string());
    scratch::check(store, args.jobs).await?;
    Ok(Report {
        store: store.kind(),
        jobs: args.jobs,
        max_concurrent: args.max_concurrent,
        seconds,
        containers_per_second: f64::from(args.jobs) / seconds.max(1e-9),
    })
}
