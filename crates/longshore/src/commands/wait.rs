//! `longshore wait`: until jobs have ended.

use std::time::Duration;

use longshore_core::spec::parse_duration;
use longshore_core::store::{JobDetail, Store};
use longshore_core::{JobId, State};
use serde::Serialize;

use crate::args::JobRef;
use crate::context::Context;
use crate::exit::Exit;
use crate::follow;
use crate::outage::sit_out;
use crate::output::{self, Out};
use crate::status;
use crate::waits::Waits;

/// The most jobs whose states are asked for at once.
const BATCH: usize = 1000;

/// Wait until jobs have ended
///
/// Writes a line for each as it ends: id, state, exit code. Ends with 0 if all completed, else
/// as the first of them (in the order given) that did not: with its own code, 124 if it timed
/// out, 130 if it was cancelled. After a second it says what is still waited for, and why.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore wait 12 13 --timeout 10m && echo both done")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
    /// Give up after this long, with exit code 124; the jobs go on
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Write one JSON document, once all have ended
    #[arg(long)]
    json: bool,
}

/// Waits.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let jobs = JobRef::resolve_all(&args.jobs, &*store).await?;
    let too_late = async {
        match args.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    let form = if args.json { Form::Json } else { Form::Lines };
    tokio::select! {
        exit = until_all_ended(&mut context.out, &*store, &jobs, form) => {
            follow::or_say_how_to_go_on(exit, &jobs)
        }
        () = follow::interrupted() => {
            follow::say_how_to_go_on(&jobs);
            Ok(Exit::INTERRUPTED)
        }
        () = too_late => {
            output::talk("gave up waiting; what has not ended goes on");
            Ok(Exit::TIMED_OUT)
        }
    }
}

/// How ends are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line for each, as it ends.
    Lines,
    /// One document when all have ended.
    Json,
    /// Not at all.
    Silent,
}

/// How a job ended.
#[derive(Serialize)]
struct End {
    id: JobId,
    state: State,
    exit_code: Option<i32>,
}

impl From<&JobDetail> for End {
    fn from(job: &JobDetail) -> Self {
        let summary = &job.summary;
        Self {
            id: summary.id,
            state: summary.state,
            exit_code: summary.exit_code,
        }
    }
}

/// Waits for these jobs, and returns the exit code that speaks for all of them.
pub async fn until_all_ended(
    out: &mut Out,
    store: &dyn Store,
    jobs: &[JobId],
    form: Form,
) -> anyhow::Result<Exit> {
    let mut wakeups = store.wakeups();
    let mut ends: Vec<Option<(End, Exit)>> = jobs.iter().map(|_| None).collect();
    let mut waits = Waits::naming_running();
    loop {
        let indices: Vec<usize> = (0..jobs.len())
            .filter(|index| ends[*index].is_none())
            .collect();
        let mut open = Vec::with_capacity(indices.len());
        for part in indices.chunks(BATCH) {
            let ids: Vec<JobId> = part.iter().map(|index| jobs[*index]).collect();
            let states = sit_out(async || store.states(&ids).await).await?;
            for (index, state) in part.iter().zip(states) {
                if !state.is_terminal() {
                    open.push((jobs[*index], state));
                    continue;
                }
                let job = sit_out(async || store.show_job(jobs[*index]).await).await?;
                ends[*index] = Some((End::from(&job), Exit::of_job(&job)));
                // Above the status line, should both go to one terminal.
                status::above(|| {
                    write_line(out, &End::from(&job), form)?;
                    out.flush()
                })?;
            }
        }
        if open.is_empty() {
            break;
        }
        waits.look(store, &open, jobs.len()).await?;
        wakeups.wait(follow::POLL).await;
    }
    drop(waits);
    let (ends, exits): (Vec<End>, Vec<Exit>) = ends.into_iter().flatten().unzip();
    if form == Form::Json {
        out.json(&ends)?;
    }
    Ok(exits
        .into_iter()
        .find(|exit| *exit != Exit::DONE)
        .unwrap_or(Exit::DONE))
}

fn write_line(out: &mut Out, end: &End, form: Form) -> anyhow::Result<()> {
    match (form, end.exit_code) {
        (Form::Lines, Some(code)) => out.line(&format!("{} {} {code}", end.id, end.state)),
        (Form::Lines, None) => out.line(&format!("{} {}", end.id, end.state)),
        (Form::Json | Form::Silent, _) => Ok(()),
    }
}
