//! `longshore retry`: another attempt for jobs that failed.

use super::each;
use crate::args::JobRef;
use crate::context::Context;
use crate::exit::Exit;

/// Give failed jobs another attempt
///
/// Jobs that failed or timed out go back to their queue, with all their retries; a job that waits
/// for its next attempt gets it now.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore retry last")]
pub struct Args {
    /// The jobs: ids, or `last`
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<JobRef>,
}

/// Retries each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    each::job(context, &args.jobs, async |store, job| {
        store.retry_job(job).await?;
        Ok("queued")
    })
    .await
}
