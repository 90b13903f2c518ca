//! `longshore submit`: hands in jobs.

use std::path::PathBuf;

use longshore_core::JobId;
use longshore_core::spec::ValidSpec;
use longshore_core::store::Store;

use super::wait::{self, Form};
use crate::args::{SpecArgs, read_specs};
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::follow::{self, Follower, Start, Streams};
use crate::output::{self, ClosedPipe, Out};

/// Submit jobs
///
/// Writes the new ids alone, one per line. A job is an image and a command, or a command alone
/// that runs on the worker's host. A file holds a JSON object, an array of objects, or one object
/// per line, up to 100,000: all of them are submitted, or none.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore submit --name hello -- echo hello")]
pub struct Args {
    /// A file with jobs, - for stdin
    #[arg(long, short, value_name = "FILE", conflicts_with = "SpecArgs")]
    file: Option<PathBuf>,
    /// Follow the job until it has ended, and end as it did; with several, wait for all
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    spec: SpecArgs,
}

impl Args {
    /// Whether it ends as its job does.
    pub fn waits(&self) -> bool {
        self.wait
    }
}

/// Submits.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let specs = match &args.file {
        Some(file) => read_specs(file, context.default_queue().as_deref())?,
        None if args.spec.runs_nothing() => {
            return Err(Refused::usage("there is nothing to run")
                .hint(
                    "`longshore submit -- echo hello` submits a command, `-f FILE` a file of jobs",
                )
                .into());
        }
        None => vec![
            args.spec
                .to_spec(context.default_queue().as_deref(), None)?,
        ],
    };
    let store = context.store().await?;
    let jobs = submit_all(&*store, &specs).await?;
    // The ids are the caller's, whatever becomes of the waiting.
    if let Err(error) = write_ids(&mut context.out, &jobs) {
        if !error.is::<ClosedPipe>() {
            // Or else somebody would submit them again.
            output::talk(&format!("submitted all the same: {}", ranges(&jobs)));
        }
        return Err(error);
    }
    if !args.wait {
        return Ok(Exit::DONE);
    }
    let ended = follow_or_wait(&mut context.out, &*store, &jobs).await;
    follow::or_say_how_to_go_on(ended, &jobs)
}

fn write_ids(out: &mut Out, jobs: &[JobId]) -> anyhow::Result<()> {
    for job in jobs {
        out.line(&job.to_string())?;
    }
    out.flush()
}

/// Ids for one line: those that follow each other are named by the first and the last.
fn ranges(jobs: &[JobId]) -> String {
    jobs.chunk_by(|one, next| one.0 + 1 == next.0)
        .map(|run| match run {
            [first, .., last] => format!("{first}-{last}"),
            one => one.iter().map(JobId::to_string).collect(),
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Submits in one call: all or none. Says which jobs were there already.
pub async fn submit_all(store: &dyn Store, specs: &[ValidSpec]) -> anyhow::Result<Vec<JobId>> {
    let submitted = store.submit(specs).await?;
    for known in submitted.iter().filter(|submitted| !submitted.is_new) {
        output::talk(&format!(
            "job {} was there already under its idempotency key",
            known.job
        ));
    }
    Ok(submitted
        .into_iter()
        .map(|submitted| submitted.job)
        .collect())
}

async fn follow_or_wait(out: &mut Out, store: &dyn Store, jobs: &[JobId]) -> anyhow::Result<Exit> {
    let until_end = async {
        let [job] = jobs else {
            return wait::until_all_ended(out, store, jobs, Form::Silent).await;
        };
        let mut follower = Follower::new(store, *job, Start::First, Streams::BOTH);
        Ok(Exit::of_job(&follower.until_end(out).await?))
    };
    tokio::select! {
        exit = until_end => exit,
        () = follow::interrupted() => {
            follow::say_how_to_go_on(jobs);
            Ok(Exit::INTERRUPTED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_follow_each_other_are_a_range() {
        let ids = [7, 9, 10, 11, 3].map(JobId);
        assert_eq!(ranges(&ids), "7, 9-11, 3");
        assert_eq!(ranges(&ids[..1]), "7");
    }
}
