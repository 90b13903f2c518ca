//! `longshore priority`: which waiting jobs go first.

use longshore_core::{Priority, State};

use super::each::{self, Request};
use crate::args::{Targets, priority_of};
use crate::context::Context;
use crate::exit::Exit;

/// Change the priority of waiting jobs
///
/// Each joins the end of its new line. Higher ones go first: 0 to 100, or high (80), normal (50),
/// low (20). What runs already is not changed by it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore priority high 12 13\n         \
    longshore priority 10 --queue nightly --label team=search --dry-run")]
pub struct Args {
    /// The new priority
    #[arg(value_name = "PRIORITY", value_parser = priority_of)]
    priority: Priority,
    #[command(flatten)]
    targets: Targets,
}

const REQUEST: Request = Request {
    verb: "reprioritise",
    possible: &[State::Pending, State::Queued, State::Retrying],
    is_ordered: true,
};

/// Changes each.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let priority = args.priority;
    each::job(context, &args.targets, &REQUEST, async |store, job| {
        store.reprioritise(job, priority).await?;
        Ok(format!("priority {priority}"))
    })
    .await
}
