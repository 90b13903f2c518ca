//! `longshore run`: submits a job, follows it, and works on it here when nobody else does.

mod bench;

use std::pin::pin;

use longshore_core::spec::{FieldError, ValidSpec};
use longshore_core::store::{CancelOutcome, JobDetail, Submissions as _};
use longshore_core::{JobId, Priority};
use longshore_queue::{GracefulShutdown, Retrying};

use super::signals::Interrupts;
use super::submit::submit_all;
use crate::args::{EngineArgs, JobRef, SpecArgs};
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::follow::{self, Follower, Start};
use crate::outage;
use crate::output::{self, ClosedPipe};
use crate::transcript::View;
use bench::Bench;

/// Run a job and follow it to its end
///
/// Submits it, writes what it writes, and ends with its exit code. The first word is the image and
/// the rest its command, as with docker; a command behind -- runs as a process of this machine
/// (of the worker's, when one serves).
///
/// When no live worker serves its queue, this process works on it (not with --server): then the job has priority 100
/// unless --priority says otherwise, and what still stands before it in the line runs here first,
/// one at a time. Should the workers leave while it waits, this process works on it too. A job
/// that does not start within a second says why. Ctrl-C cancels the job; a second one does not
/// wait for its end, a third kills what runs here.
#[derive(clap::Args, Debug)]
#[command(override_usage = "longshore run [OPTIONS] IMAGE [COMMAND]...\n       \
    longshore run [OPTIONS] -- COMMAND...\n       \
    longshore run [OPTIONS] --like JOB")]
#[command(after_help = "Example: longshore run -- echo hello\n         \
    longshore run -m 512m -v data:/data alpine:3.20 sh -c 'wc -l /data/*'\n\n\
    Exit codes: the job's own; 124 timed out, 125 Longshore's own failure,\n\
    128 + n ended by signal n, 130 cancelled.")]
pub struct Args {
    /// A new job like this one (an id, or `last`), with the flags given here over it
    #[arg(long, value_name = "JOB")]
    like: Option<JobRef>,
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    engines: EngineArgs,
}

/// Runs.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    if args.spec.runs_nothing() && args.like.is_none() {
        return Err(Refused::usage("there is nothing to run")
            .hint(
                "`longshore run alpine echo hello` runs an image, \
                 `longshore run -- echo hello` a command of this machine",
            )
            .into());
    }
    let asked = args.spec.asked(args.like, context.default_queue())?;
    let store = context.retrying().await?;
    let spec = asked.spec(&store).await?;
    let queue = spec.spec().queue_name().to_owned();
    let is_served = bench::is_served(&store, &queue).await?;
    let is_elsewhere = is_served || context.client()?.is_some();
    let spec = if is_elsewhere || args.spec.has_priority() {
        spec
    } else {
        first_of_all(spec)?
    };
    // From here on a signal must not leave the job behind.
    let mut interrupts = Interrupts::listen()?;
    let jobs = submit_all(&store, &[spec]).await?;
    let [job] = jobs[..] else {
        anyhow::bail!("one job was submitted, {} came back", jobs.len())
    };
    // Who asks a server has no database to work on.
    let bench = if context.client()?.is_some() {
        None
    } else {
        Some(Bench::new(context, &args.engines, &store, queue, job).await?)
    };
    let followed = follow(context, &store, job, bench.as_ref(), &mut interrupts).await;
    if let Some(bench) = &bench {
        let in_haste = matches!(followed, Ok(Followed::Left));
        close(bench, in_haste, &mut interrupts).await;
    }
    match followed {
        Ok(Followed::Ended(ended)) => {
            follow::say_what_went_wrong(&ended);
            Ok(Exit::of_job(&ended))
        }
        Ok(Followed::Unread) => Err(ClosedPipe.into()),
        Ok(Followed::Left) => Ok(Exit::INTERRUPTED),
        Err(error) => {
            output::talk(&format!("stopped following job {job}, which is not lost"));
            output::hint(&format!(
                "`longshore logs -f {job}` follows it, `longshore wait {job}` waits for its end"
            ));
            Err(error)
        }
    }
}

/// The job at the highest priority: whoever runs it here does not want to run others first.
fn first_of_all(job: ValidSpec) -> Result<ValidSpec, FieldError> {
    let hold = job.is_held();
    let mut spec = job.into_spec();
    spec.priority = Priority::MAX;
    Ok(spec.validate()?.held(hold))
}

/// Why following ended.
enum Followed {
    /// The job has ended.
    Ended(Box<JobDetail>),
    /// Nobody reads any more: as in a shell's pipeline, that ends who writes.
    Unread,
    /// A person did not wait for the end.
    Left,
}

/// How far the request is that the job be cancelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    NotAsked,
    /// On its way, for as long as the database is away.
    Asking,
    Asked,
}

/// Follows the job until it has ended, whatever signals come in between.
async fn follow(
    context: &mut Context,
    store: &Retrying,
    job: JobId,
    bench: Option<&Bench>,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Followed> {
    let mut follower = Follower::new(store, job, Start::First, View::WHOLE);
    if bench.is_some() {
        follower.work_here();
    }
    let mut cancel = Cancel::NotAsked;
    let mut can_work = bench.is_some();
    loop {
        tokio::select! {
            ended = follower.until_end(&mut context.out) => match ended {
                Ok(ended) => return Ok(Followed::Ended(Box::new(ended))),
                Err(error) if error.is::<ClosedPipe>() => {
                    outage::sit_out_silently(async || store.request_cancel(job).await).await?;
                    return Ok(Followed::Unread);
                }
                Err(error) => return Err(error),
            },
            stopped = work(bench, store), if can_work => {
                stopped?;
                can_work = false;
            }
            outcome = outage::sit_out_silently(async || store.request_cancel(job).await),
                if cancel == Cancel::Asking =>
            {
                if outcome? == CancelOutcome::Requested {
                    output::talk(&format!("cancelling job {job}; Ctrl-C again does not wait for it"));
                }
                cancel = Cancel::Asked;
            }
            _ = interrupts.next() => match cancel {
                Cancel::NotAsked => cancel = Cancel::Asking,
                Cancel::Asking | Cancel::Asked => {
                    say_how_it_was_left(job, cancel);
                    return Ok(Followed::Left);
                }
            }
        }
    }
}

async fn work(bench: Option<&Bench>, store: &Retrying) -> anyhow::Result<()> {
    match bench {
        Some(bench) => bench.work(store).await,
        None => std::future::pending().await,
    }
}

fn say_how_it_was_left(job: JobId, cancel: Cancel) {
    if cancel == Cancel::Asked {
        output::talk(&format!("job {job} was asked to stop; not waiting for it"));
        output::hint(&format!("`longshore wait {job}` waits for its end"));
    } else {
        output::talk(&format!(
            "job {job} may not have been asked to stop: the database is away"
        ));
        output::hint(&format!("`longshore cancel {job}` asks it again"));
    }
}

/// Ends the work here. What still runs here is waited for, less and less patiently.
async fn close(bench: &Bench, in_haste: bool, interrupts: &mut Interrupts) {
    let shutdown = GracefulShutdown::new();
    if in_haste {
        shutdown.force();
        say_haste(bench).await;
    }
    let mut closing = pin!(bench.manager.close_with(&shutdown));
    loop {
        tokio::select! {
            _ = &mut closing => return,
            _ = interrupts.next() => {
                if shutdown.stage() == longshore_queue::Stage::Forced {
                    output::talk("killed what ran here; its end is not recorded");
                    output::hint("`longshore doctor` shows what is left of it");
                    return;
                }
                shutdown.force();
            }
        }
    }
}

async fn say_haste(bench: &Bench) {
    if bench.manager.running().await > 0 {
        output::talk(
            "what runs here has its stop grace to end, 30s at most; Ctrl-C again kills it",
        );
    }
}
