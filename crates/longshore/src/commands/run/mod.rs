//! `longshore run`: submits a job, follows it, and works on it here when nobody else does.

mod bench;

use std::pin::pin;

use longshore_core::store::{CancelOutcome, JobDetail, Submissions as _};
use longshore_core::{JobId, Priority, State};
use longshore_queue::{GracefulShutdown, Retrying};

use super::signals::Interrupts;
use super::submit::submit_all;
use crate::args::SpecArgs;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::follow::{Follower, Start, Streams};
use crate::outage;
use crate::output::{self, ClosedPipe};
use bench::Bench;

/// Run a job and follow it to its end
///
/// Submits it, writes what it writes, and ends with its exit code. When no live worker serves its
/// queue, this process works on it: then the job has priority 100 unless --priority says
/// otherwise, and what still stands before it in the line runs here first, one at a time. Should
/// the workers leave while it waits, this process works on it too. Ctrl-C cancels the job; a
/// second one does not wait for its end, a third kills what runs here.
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
    let is_served = bench::is_served(&store, &queue).await?;
    let spec = if is_served || args.spec.has_priority() {
        spec
    } else {
        args.spec
            .to_spec(default_queue.as_deref(), Some(Priority::MAX))?
    };
    // From here on a signal must not leave the job behind.
    let mut interrupts = Interrupts::listen()?;
    let jobs = submit_all(&store, &[spec]).await?;
    let [job] = jobs[..] else {
        anyhow::bail!("one job was submitted, {} came back", jobs.len())
    };
    let bench = Bench::new(&store, queue, job).await?;
    let followed = follow(context, &store, job, &bench, &mut interrupts).await;
    let in_haste = matches!(followed, Ok(Followed::Left));
    close(&bench, in_haste, &mut interrupts).await;
    match followed {
        Ok(Followed::Ended(ended)) => {
            say_what_went_wrong(&ended);
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
    bench: &Bench,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Followed> {
    let mut follower = Follower::new(store, job, Start::First, Streams::BOTH);
    let mut cancel = Cancel::NotAsked;
    let mut can_work = true;
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
            stopped = bench.work(store), if can_work => {
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
