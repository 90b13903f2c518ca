//! `longshore submit`: hands in jobs.

use std::path::PathBuf;

use longshore_core::JobId;
use longshore_core::spec::ValidSpec;
use longshore_core::store::Store;

use super::wait::{self, Form};
use crate::args::{JobRef, SpecArgs, read_specs};
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::follow::{self, Follower, Start};
use crate::output::{self, ClosedPipe, Out};
use crate::status;
use crate::transcript::View;

/// Submit jobs
///
/// Writes the new ids alone, one per line. The first word is the image and the rest its command,
/// as with docker; a command behind -- runs as a process of the worker's host.
///
/// Files hold jobs as JSON (an object or an array), JSON lines or YAML (documents or lists); the
/// name tells which, else the content. All jobs of all files, up to 100,000, are submitted or none.
/// Flags beside them hold for every job, over what its file says; variables, labels, mounts,
/// networks and templates are added to its own.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "longshore submit [OPTIONS] IMAGE [COMMAND]...\n       \
    longshore submit [OPTIONS] -- COMMAND...\n       \
    longshore submit [OPTIONS] --file FILE...\n       \
    longshore submit [OPTIONS] --like JOB"
)]
#[command(
    after_help = "Example: longshore submit --name hello alpine:3.20 echo hello\n         \
    longshore submit -f jobs.yaml --queue night -e REGION=eu --wait\n\n\
    Exit codes under --wait: the job's own; with several, that of the first in their order that\n\
    did not complete. 124 timed out, 125 Longshore's own failure, 128 + n ended by signal n,\n\
    130 cancelled."
)]
pub struct Args {
    /// A file with jobs, - for stdin; repeatable
    #[arg(long = "file", short, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A new job like this one (an id, or `last`), with the flags given here over it
    #[arg(long, value_name = "JOB", conflicts_with = "files")]
    like: Option<JobRef>,
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
    let default_queue = context.default_queue();
    let (store, specs) = if args.files.is_empty() {
        if args.spec.runs_nothing() && args.like.is_none() {
            return Err(Refused::usage("there is nothing to run")
                .hint(
                    "`longshore submit alpine echo hello` submits an image, \
                     `longshore submit -- echo hello` a command, `-f FILE` a file of jobs",
                )
                .into());
        }
        let asked = args.spec.asked(args.like, default_queue)?;
        let store = context.store().await?;
        let spec = asked.spec(&*store).await?;
        (store, vec![spec])
    } else {
        let specs = from_files(&args, default_queue)?;
        (context.store().await?, specs)
    };
    if specs.len() >= MANY {
        status::show(&format!("submitting {} jobs in one batch", specs.len()));
    }
    let submitted = submit_all(&*store, &specs).await;
    status::hide();
    let jobs = submitted?;
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

/// Every job of the files, with the flags over each.
fn from_files(args: &Args, default_queue: Option<String>) -> anyhow::Result<Vec<ValidSpec>> {
    if let Some(word) = args.spec.words().first() {
        return Err(Refused::usage(format!(
            "what runs is for the files to say, and {word:?} stands beside them"
        ))
        .hint("-f takes one file and is repeatable: -f FILE -f FILE")
        .into());
    }
    let overlay = args.spec.overlay(default_queue)?;
    let line = status::TakenAway;
    let specs = read_specs(&args.files, &overlay, |checked, of| {
        if of >= MANY && checked.is_multiple_of(MANY / 10) {
            status::progress("checking jobs", checked, of);
        }
    })?;
    drop(line);
    if args.spec.has_key() && specs.len() > 1 {
        return Err(Refused::usage(format!(
            "--idempotency-key names one job, and there are {}",
            specs.len()
        ))
        .hint("give each job of a file its own `idempotency_key`")
        .into());
    }
    Ok(specs)
}

/// So many jobs take a moment that is worth a status line.
const MANY: usize = 1000;

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
        let mut follower = Follower::new(store, *job, Start::First, View::WHOLE);
        let ended = follower.until_end(out).await?;
        follow::say_what_went_wrong(&ended);
        Ok(Exit::of_job(&ended))
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
