//! `longshore hold`, or `dequeue`: takes waiting jobs out of their queue.

use longshore_core::State;

use super::each::{self, Request};
use crate::args::Targets;
use crate::context::Context;
use crate::exit::Exit;

/// Take waiting jobs out of their queue
///
/// They are pending, and nothing takes them, until `longshore release` queues them again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore hold 12\n         \
    longshore dequeue --queue nightly --since 1h")]
pub struct Args {
    #[command(flatten)]
    targets: Targets,
}

const REQUEST: Request = Request {
    verb: "hold",
    possible: &[State::Queued, State::Retrying],
    is_ordered: false,
};

/// Holds each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.targets, &REQUEST, async |store, job| {
        store.dequeue_job(job).await?;
        Ok("pending")
    })
    .await
}
