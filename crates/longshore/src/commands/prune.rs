//! `longshore prune`: takes away what ended long ago.

use std::time::Duration;

use longshore_core::queue::Count;
use longshore_core::spec::{format_duration, parse_duration};
use longshore_core::store::{Pruned, Retention};
use serde::Serialize;

use super::confirm;
use super::each::jobs_in_words;
use crate::context::Context;
use crate::exit::Exit;
use crate::status;

/// Jobs of one transaction: other writers wait for no more than that.
const BATCH: u32 = 500;

/// Take ended jobs away, with their attempts and output
///
/// Workers do so by themselves for what ended 30 days ago, or as their --retention says. What goes is gone for good, and the
/// idempotency keys of these jobs are free again.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore prune --older-than 7d --dry-run")]
pub struct Args {
    /// What ended longer ago than this goes
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_duration)]
    older_than: Duration,
    /// Say how many jobs it would be, and take nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(short, long)]
    yes: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// What went, or would go.
#[derive(Serialize)]
struct Gone {
    /// Jobs; of a dry run no more are counted than [`Count::CAP`].
    jobs: u64,
    /// Their attempts; a dry run does not count them.
    attempts: Option<u64>,
    dry_run: bool,
}

/// Takes away.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let Count(jobs) = store.prunable(args.older_than).await?;
    let age = format_duration(args.older_than);
    if args.dry_run {
        let gone = Gone {
            jobs,
            attempts: None,
            dry_run: true,
        };
        let which = format!("{} that ended more than {age} ago", counted(jobs));
        return say(
            context,
            &gone,
            args.json,
            &format!("would take away {which}"),
        );
    }
    let what = format!("take away {} that ended more than {age} ago", counted(jobs));
    if jobs > 0 && !args.yes && !confirm::agreed(&what)? {
        return Ok(Exit::FAILED);
    }
    let retention = Retention {
        keep: args.older_than,
        batch: BATCH,
    };
    let line = status::TakenAway;
    let mut total = Pruned::default();
    loop {
        let pruned = store.prune(retention).await?;
        total.jobs += pruned.jobs;
        total.attempts += pruned.attempts;
        let done = usize::try_from(total.jobs).unwrap_or(usize::MAX);
        let of = usize::try_from(jobs).unwrap_or(usize::MAX);
        status::progress("pruning", done, of.max(done));
        if !pruned.more {
            break;
        }
    }
    store.tend_storage(retention).await?;
    drop(line);
    let gone = Gone {
        jobs: total.jobs,
        attempts: Some(total.attempts),
        dry_run: false,
    };
    let (jobs, attempts) = (jobs_in_words(total.jobs), total.attempts);
    say(
        context,
        &gone,
        args.json,
        &format!("took away {jobs} and {attempts} attempts"),
    )
}

fn counted(jobs: u64) -> String {
    if Count(jobs).is_capped() {
        return format!("at least {jobs} jobs");
    }
    jobs_in_words(jobs)
}

fn say(context: &mut Context, gone: &Gone, json: bool, words: &str) -> anyhow::Result<Exit> {
    if json {
        context.out.json(gone)?;
    } else {
        context.out.line(words)?;
    }
    Ok(Exit::DONE)
}
