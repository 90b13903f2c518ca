//! `longshore logs`: what jobs wrote.

use std::cell::RefCell;

use futures_util::future::join_all;
use longshore_core::store::{OutputRequest, Store};
use longshore_core::{AttemptNumber, JobId, State};

use crate::args::{JobRef, Moment};
use crate::context::Context;
use crate::exit::{self, Exit, Refused};
use crate::follow::{self, Follower, PAGE_BYTES, Start};
use crate::output::{self, Out};
use crate::transcript::{OutputWriter, Streams, Tail, View};

/// Write what jobs wrote
///
/// Its stdout goes to stdout and its stderr to stderr, byte for byte; of the newest attempt,
/// unless another is named. Where the output cap left something out, stderr says how much. With
/// several jobs, each line begins with the id of its job.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore logs -f last\n         \
    longshore logs --tail 20 --timestamps 12 13")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
    /// Go on until the jobs have ended, through further attempts
    #[arg(short, long, conflicts_with = "attempt")]
    follow: bool,
    /// Only this many lines at the end of what there is, or all
    #[arg(short = 'n', long, value_name = "LINES", value_parser = lines)]
    tail: Option<Lines>,
    /// Only what was stored in this time or later: for as long as 30m or 2h, or since
    /// 2026-08-01T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Begin each line with the time at which it was stored
    #[arg(short, long)]
    timestamps: bool,
    #[command(flatten)]
    only: Only,
    /// Of this attempt, counting from 1
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<AttemptNumber>,
}

/// Which of its outputs, if not both.
#[derive(clap::Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct Only {
    /// Only its stdout
    #[arg(long)]
    stdout: bool,
    /// Only its stderr
    #[arg(long)]
    stderr: bool,
}

/// How many lines; none for all.
#[derive(Clone, Copy, Debug)]
struct Lines(Option<u64>);

fn lines(text: &str) -> Result<Lines, &'static str> {
    if text == "all" {
        return Ok(Lines(None));
    }
    let number = text.parse().map_err(|_| "must be a number, or all")?;
    Ok(Lines(Some(number)))
}

/// Writes.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let jobs = JobRef::resolve_all(&args.jobs, &*store).await?;
    let since = match args.since {
        Some(moment) => Some(moment.before(store.now().await?)),
        None => None,
    };
    let view = View {
        streams: Streams {
            stdout: !args.only.stderr,
            stderr: !args.only.stdout,
        },
        tail: args.tail.and_then(|lines| lines.0),
        since,
        timestamps: args.timestamps,
        label: None,
    };
    let views = jobs.iter().map(|job| View {
        label: (jobs.len() > 1).then_some(*job),
        ..view
    });
    let views: Vec<(JobId, View)> = jobs.iter().copied().zip(views).collect();
    if args.follow {
        return follow_to_end(&mut context.out, &*store, &views).await;
    }
    let mut exit = Exit::DONE;
    for (job, view) in views {
        match write_stored(&mut context.out, &*store, job, args.attempt, view).await {
            Err(error) if jobs.len() > 1 && exit::code_of(&error) == Exit::FAILED => {
                exit = exit::report_unless_unread(error)?;
            }
            written => written?,
        }
    }
    Ok(exit)
}

async fn follow_to_end(
    out: &mut Out,
    store: &dyn Store,
    views: &[(JobId, View)],
) -> anyhow::Result<Exit> {
    let jobs: Vec<JobId> = views.iter().map(|(job, _)| *job).collect();
    let out = RefCell::new(out);
    let followed = views.iter().map(async |(job, view)| {
        let mut follower = Follower::new(store, *job, Start::Newest, *view);
        follower.until_end_beside_others(&out).await
    });
    tokio::select! {
        ended = join_all(followed) => {
            let mut exit = Exit::DONE;
            for ended in ended {
                match ended {
                    Err(error) if jobs.len() > 1 && exit::code_of(&error) == Exit::FAILED => {
                        exit = exit::report_unless_unread(error)?;
                    }
                    ended => drop(follow::or_say_how_to_go_on(ended, &jobs)?),
                }
            }
            Ok(exit)
        }
        () = follow::interrupted() => {
            follow::say_how_to_go_on(&jobs);
            Ok(Exit::INTERRUPTED)
        }
    }
}

/// What is stored now.
async fn write_stored(
    out: &mut Out,
    store: &dyn Store,
    job: JobId,
    attempt: Option<AttemptNumber>,
    view: View,
) -> anyhow::Result<()> {
    if let Some(attempt) = attempt {
        let made = store.show_job(job).await?.summary.attempts;
        if !(1..=made).contains(&attempt.0) {
            let refused = Refused::failed(format!("job {job} has no attempt {attempt}"));
            return Err(refused
                .hint(format!("it had {made}; `longshore show {job}` lists them"))
                .into());
        }
    }
    let mut writer = OutputWriter::new(view);
    let mut request = OutputRequest {
        job,
        attempt,
        after: None,
        max_bytes: PAGE_BYTES,
    };
    let mut tail = Tail::of(view);
    loop {
        let page = store.read_output(request).await?;
        // The attempt that was the newest at first, should another begin meanwhile.
        request.attempt = page.attempt;
        match &mut tail {
            Some(tail) => tail.see(&page),
            None => writer.write(out, &page)?,
        }
        if let Some(last) = page.chunks.last() {
            request.after = Some(last.cursor);
        } else if request.after.is_none() {
            say_why_nothing(job, page.state, page.attempt);
            return Ok(());
        } else if let Some(tail) = tail.take() {
            writer.begin_at(tail.begins());
            request.after = None;
        } else {
            return writer.finish(out);
        }
    }
}

fn say_why_nothing(job: JobId, state: State, attempt: Option<AttemptNumber>) {
    if attempt.is_none() {
        output::talk(&format!("job {job} has not run: it is {state}"));
    } else if !state.is_terminal() {
        output::talk(&format!(
            "job {job} has written nothing so far: it is {state}"
        ));
        output::hint(&format!(
            "`longshore logs -f {job}` waits for what it writes"
        ));
    }
}
