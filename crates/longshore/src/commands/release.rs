//! `longshore release`: queues jobs that were held.

use longshore_core::State;

use super::each::{self, Request};
use crate::args::Targets;
use crate::context::Context;
use crate::exit::Exit;

/// Queue jobs that were held
///
/// Each joins the end of its line, or waits for its time if that is still to come.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore release last\n         \
    longshore release --label team=search --yes")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
}

const REQUEST: Request = Request {
    verb: "release",
    possible: &[State::Pending],
    is_ordered: true,
};

/// Releases each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.targets, &REQUEST, async |store, job| {
        store.queue_job(job).await?;
        Ok("queued")
    })
    .await
}
