//! `longshore retry`: another attempt for jobs that failed.

use longshore_core::State;

use super::each::{self, Request};
use crate::args::Targets;
use crate::context::Context;
use crate::exit::Exit;

/// Give failed jobs another attempt
///
/// Jobs that failed or timed out go back to their queue, with all their retries; a job that waits
/// for its next attempt gets it now. Many at once go in the order in which they were submitted.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore retry last\n         \
    longshore retry --state failed --exit-code 75 --since 1d --yes")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
}

const REQUEST: Request = Request {
    verb: "retry",
    possible: &[State::Retrying, State::Failed, State::TimedOut],
    is_ordered: true,
};

/// Retries each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.targets, &REQUEST, async |store, job| {
        store.retry_job(job).await?;
        Ok("queued")
    })
    .await
}
