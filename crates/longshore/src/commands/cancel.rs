//! `longshore cancel`: ends jobs.

use longshore_core::State;
use longshore_core::store::CancelOutcome;

use super::each::{self, Request};
use crate::args::Targets;
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// Cancel jobs
///
/// A waiting job is cancelled at once. A running one is asked to stop by its worker: TERM, then
/// KILL after its stop grace; `longshore wait` waits for that.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore cancel 12 13\n         \
    longshore cancel --queue nightly --label team=search --dry-run")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
}

const REQUEST: Request = Request {
    verb: "cancel",
    possible: &[
        State::Pending,
        State::Queued,
        State::Launching,
        State::Running,
        State::Retrying,
    ],
    is_ordered: false,
};

/// Cancels each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(
        context,
        &args.targets,
        &REQUEST,
        async |store, job| match store.request_cancel(job).await? {
            CancelOutcome::Cancelled | CancelOutcome::AlreadyEnded(State::Cancelled) => {
                Ok("cancelled")
            }
            CancelOutcome::Requested => Ok("stopping"),
            CancelOutcome::AlreadyEnded(state) => {
                Err(Refused::failed(format!("job {job} had ended already: {state}")).into())
            }
        },
    )
    .await
}
