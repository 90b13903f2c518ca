//! `longshore run`: submits a job, follows it, and works on it here when nobody else does.

use std::time::Duration;

use longshore_core::store::{
    CancelOutcome, JobDetail, Reading as _, Registry as _, Submissions as _,
};
use longshore_core::{JobId, Priority, State};
use longshore_queue::{QueueError, QueueManager, Retrying, WorkerConfig};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::submit::submit_all;
use super::worker::with_machine;
use crate::args::SpecArgs;
use crate::context::Context;
use crate::executors;
use crate::exit::{Exit, Refused};
use crate::follow::{Follower, Start, Streams};
use crate::output::{self, ClosedPipe};

/// While nothing runs here, how often to look whether the job can be taken.
const POLL: Duration = Duration::from_millis(250);
/// For how long taking it is repeated while the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a shell says of a command that a closed pipe ended: 128 + SIGPIPE.
const PIPE: Exit = Exit(128 + 13);

/// Run a job and follow it to its end
///
/// Submits it, writes what it writes, and ends with its exit code. When no live worker serves its
/// queue, this process works on it: then the job has priority 100 unless --priority says
/// otherwise, and what still stands before it in the line runs here first, one at a time. Ctrl-C
/// cancels the job.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore run -- echo hello\n\n\
    Exit codes: the job's own; 124 timed out, 125 Longshore's own failure,\n\
    128 + n ended by signal n, 130 cancelled.")]
pub struct Args {
    #[command(flatten)]
    spec: SpecArgs,
}

/// Runs.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    if args.spec.runs_nothing() {
        return Err(Refused::usage("there is nothing to run")
            .hint("put the command behind --, as in `longshore run -- echo hello`")
            .into());
    }
    let default_queue = context.default_queue();
    let spec = args.spec.to_spec(default_queue.as_deref(), None)?;
    let queue = spec.spec().queue_name().to_owned();
    let store = context.retrying().await?;
    let works_here = !is_served(&store, &queue).await?;
    let spec = if works_here && !args.spec.has_priority() {
        args.spec
            .to_spec(default_queue.as_deref(), Some(Priority::MAX))?
    } else {
        spec
    };
    // From here on a signal must not leave the job behind.
    let mut interrupts = Interrupts::listen()?;
    let jobs = submit_all(&store, &[spec]).await?;
    let [job] = jobs[..] else {
        anyhow::bail!("one job was submitted, {} came back", jobs.len())
    };
    let bench = if works_here {
        Some(Bench::open(&store, queue, job).await?)
    } else {
        None
    };
    let ended = follow(context, &store, job, bench.as_ref(), &mut interrupts).await;
    if let Some(bench) = bench {
        bench.manager.close().await;
    }
    ended
}

/// Whether a worker is alive that takes jobs of this queue.
async fn is_served(store: &Retrying, queue: &str) -> anyhow::Result<bool> {
    let workers = store.workers(false).await?;
    let serves = |name: &String| name == queue;
    Ok(workers
        .iter()
        .any(|w| w.alive && !w.draining && w.queues.iter().any(serves)))
}

/// Follows the job until it has ended, whatever signals come in between.
async fn follow(
    context: &mut Context,
    store: &Retrying,
    job: JobId,
    bench: Option<&Bench>,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Exit> {
    let mut follower = Follower::new(store, job, Start::First, Streams::BOTH);
    let mut cancelled = false;
    let mut bench = bench;
    loop {
        let work = async {
            match bench {
                Some(bench) => bench.work(store).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = follower.until_end(&mut context.out) => match ended {
                Ok(ended) => {
                    say_what_went_wrong(&ended);
                    return Ok(Exit::of_job(&ended));
                }
                // Nobody reads any more: as in a shell's pipeline, that ends who writes.
                Err(error) if error.is::<ClosedPipe>() => {
                    store.request_cancel(job).await?;
                    return Ok(PIPE);
                }
                Err(error) => return Err(error),
            },
            stopped = work => {
                stopped?;
                bench = None;
            }
            () = interrupts.next() => {
                if cancelled {
                    output::talk(&format!("job {job} was asked to stop; not waiting for it"));
                    output::hint(&format!("`longshore wait {job}` waits for its end"));
                    return Ok(Exit::INTERRUPTED);
                }
                cancelled = true;
                if store.request_cancel(job).await? == CancelOutcome::Requested {
                    output::talk(&format!("cancelling job {job}; Ctrl-C again does not wait for it"));
                }
            }
        }
    }
}

/// Where its own output can't say it.
fn say_what_went_wrong(job: &JobDetail) {
    let id = job.summary.id;
    let last = job
        .attempts_made
        .last()
        .and_then(|attempt| attempt.record.as_ref());
    match (
        job.summary.state,
        last.and_then(|record| record.error.as_ref()),
    ) {
        (State::TimedOut | State::Failed, Some(error)) => {
            output::talk(&output::words::one_line(&format!(
                "job {id} {}: {}",
                job.summary.state, error.text
            )));
        }
        (State::TimedOut | State::Cancelled, _) => {
            output::talk(&format!("job {id} {}", job.summary.state));
        }
        _ => {}
    }
}

/// Work on a queue in this process, one job at a time, for as long as one job of it needs.
struct Bench {
    manager: QueueManager,
    queue: String,
    job: JobId,
}

impl Bench {
    async fn open(store: &Retrying, queue: String, job: JobId) -> anyhow::Result<Self> {
        let mut config = WorkerConfig {
            queues: vec![queue.clone()],
            max_concurrent: 1,
            ..WorkerConfig::default()
        };
        config.name.clear();
        with_machine(&mut config).await?;
        let manager = QueueManager::new(store.clone(), executors::all(), config)?;
        Ok(Self {
            manager,
            queue,
            job,
        })
    }

    /// Takes jobs while the one that matters is due and nothing runs here: so that nothing else
    /// is begun that it would have to wait for. Returns when this process can't work on them.
    /// Cancellation-safe: what was acquired is launched or handed back all the same.
    async fn work(&self, store: &Retrying) -> anyhow::Result<()> {
        loop {
            if self.manager.running().await == 0 && self.is_due(store).await? {
                match self
                    .manager
                    .acquire_next_job(&self.queue, ACQUIRE_TIMEOUT)
                    .await
                {
                    // What a failed launch leads to is the retry policy's to say; the follower
                    // shows what came of it.
                    Ok(Some(acquired)) => drop(acquired.launch().await),
                    Ok(None) => {}
                    Err(error @ (QueueError::NoExecutor { .. } | QueueError::WrongHost { .. })) => {
                        output::talk(&format!("job {} waits for a worker: {error}", self.job));
                        return Ok(());
                    }
                    Err(QueueError::Store(error)) if error.is_transient() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn is_due(&self, store: &Retrying) -> anyhow::Result<bool> {
        let summary = store.show_job(self.job).await?.summary;
        let waits = matches!(summary.state, State::Queued | State::Retrying);
        Ok(waits && summary.due_at.is_none())
    }
}

/// What asks this process to end.
struct Interrupts([Signal; 3]);

impl Interrupts {
    /// From now on they no longer end the process by themselves.
    fn listen() -> anyhow::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
