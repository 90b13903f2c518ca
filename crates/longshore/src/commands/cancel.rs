//! `longshore cancel`: ends jobs.

use longshore_core::State;
use longshore_core::store::CancelOutcome;

use super::each;
use crate::args::JobRef;
use crate::context::Context;
use crate::exit::{Exit, Refused};

/// Cancel jobs
///
/// A waiting job is cancelled at once. A running one is asked to stop by its worker: TERM, then
/// KILL after its stop grace; `longshore wait` waits for that.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore cancel 12 13")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
}

/// Cancels each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.jobs, async |store, job| {
        match store.request_cancel(job).await? {
            CancelOutcome::Cancelled | CancelOutcome::AlreadyEnded(State::Cancelled) => {
                Ok("cancelled")
            }
            CancelOutcome::Requested => Ok("stopping"),
            CancelOutcome::AlreadyEnded(state) => {
                Err(Refused::failed(format!("job {job} had ended already: {state}")).into())
            }
        }
    })
    .await
}
