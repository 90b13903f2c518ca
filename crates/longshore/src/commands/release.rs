//! `longshore release`: queues jobs that were held.

use super::each;
use crate::args::JobRef;
use crate::context::Context;
use crate::exit::Exit;

/// Queue jobs that were held
///
/// Each joins the end of its line, or waits for its time if that is still to come.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore release last")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
}

/// Releases each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.jobs, async |store, job| {
        store.queue_job(job).await?;
        Ok("queued")
    })
    .await
}
