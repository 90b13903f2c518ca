//! Which jobs a request is for: those that are named, or every one that fits.

use super::{JobFilterArgs, JobRef};

/// Which jobs a request is for.
#[derive(clap::Args, Debug)]
pub struct Targets {
    /// The jobs: ids, or `last`; or say below which are meant
    #[arg(value_name = "JOB", required_unless_present = "JobFilterArgs")]
    #[arg(conflicts_with = "JobFilterArgs")]
    pub jobs: Vec<JobRef>,
    /// Show which jobs it would be, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask before it is done to every job that fits
    #[arg(short, long)]
    pub yes: bool,
    // Last: its heading in the help would be that of whatever came after.
    #[command(flatten)]
    pub filter: JobFilterArgs,
}
