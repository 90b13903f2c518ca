//! `longshore logs`: what a job wrote.

use longshore_core::AttemptNumber;
use longshore_core::store::{OutputRequest, Store};
use longshore_core::{JobId, State};

use crate::args::JobRef;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::follow::{self, Follower, OutputWriter, PAGE_BYTES, Start, Streams};
use crate::output::{self, Out};

/// Write what a job wrote
///
/// Its stdout goes to stdout and its stderr to stderr, byte for byte; of the newest attempt,
/// unless another is named. Where the output cap left something out, stderr says how much.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore logs -f last")]
pub struct Args {
    /// The job: its id, or `last`
    #[arg(value_name = "JOB")]
    job: JobRef,
    /// Go on until the job has ended, through further attempts
    #[arg(short, long, conflicts_with = "attempt")]
    follow: bool,
    /// Only its stdout
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
    /// Only its stderr
    #[arg(long)]
    stderr: bool,
    /// Of this attempt, counting from 1
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<AttemptNumber>,
}

/// Writes.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let job = args.job.resolve(&*store).await?;
    let streams = match (args.stdout, args.stderr) {
        (true, _) => Streams {
            stdout: true,
            stderr: false,
        },
        (_, true) => Streams {
            stdout: false,
            stderr: true,
        },
        (false, false) => Streams::BOTH,
    };
    if args.follow {
        return follow_to_end(&mut context.out, &*store, job, streams).await;
    }
    write_stored(&mut context.out, &*store, job, args.attempt, streams).await?;
    Ok(Exit::DONE)
}

async fn follow_to_end(
    out: &mut Out,
    store: &dyn Store,
    job: JobId,
    streams: Streams,
) -> anyhow::Result<Exit> {
    let mut follower = Follower::new(store, job, Start::Newest, streams);
    tokio::select! {
        ended = follower.until_end(out) => {
            follow::or_say_how_to_go_on(ended, &[job])?;
            Ok(Exit::DONE)
        }
        () = follow::interrupted() => {
            follow::say_how_to_go_on(&[job]);
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
    streams: Streams,
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
    let mut writer = OutputWriter::new(streams);
    let mut request = OutputRequest {
        job,
        attempt,
        after: None,
        max_bytes: PAGE_BYTES,
    };
    loop {
        let page = store.read_output(request).await?;
        writer.write(out, &page)?;
        // The attempt that was the newest at first, should another begin meanwhile.
        request.attempt = page.attempt;
        let Some(last) = page.chunks.last() else {
            if request.after.is_none() {
                say_why_nothing(job, page.state, page.attempt);
            }
            return Ok(());
        };
        request.after = Some(last.cursor);
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
