//! `longshore hold`: takes waiting jobs out of their queue.

use super::each;
use crate::args::JobRef;
use crate::context::Context;
use crate::exit::Exit;

/// Keep waiting jobs out of their queue
///
/// They are pending, and nothing takes them, until `longshore release` queues them again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore hold 12")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
}

/// Holds each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.jobs, async |store, job| {
        store.dequeue_job(job).await?;
        Ok("pending")
    })
    .await
}
