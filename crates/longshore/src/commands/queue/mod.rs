//! `longshore queue`: the named lines that jobs wait in.

mod change;
mod show;

use clap::Subcommand;

pub use self::show::write_table;
use crate::context::Context;
use crate::exit::Exit;

/// See and change queues
///
/// A queue names the executor that its jobs run on, and may limit how many run at once.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore queue limit local 3")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List queues with their counts
    #[command(after_help = "Example: longshore queue list")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show a queue
    #[command(after_help = "Example: longshore queue show local")]
    Show {
        /// Its name
        name: String,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make a queue
    #[command(
        after_help = "Example: longshore queue create night --executor process --max-concurrent 2"
    )]
    Create(change::Create),
    /// Change a queue
    ///
    /// Only what is given changes. Labels are what hosts must carry to get its jobs; `longshore
    /// hosts label` puts them on hosts. Workers that serve it learn of that with their next
    /// heartbeat.
    #[command(
        after_help = "Example: longshore queue set gpu --host-label gpu=a100 --max-concurrent 4"
    )]
    Set(change::Set),
    /// Limit how many of a queue's jobs run at once
    ///
    /// Over all workers, at every instant. A lower limit stops nothing that runs: it holds back
    /// new starts. 0 holds back every job.
    #[command(after_help = "Example: longshore queue limit local 3")]
    Limit {
        /// Its name
        name: String,
        /// A number, or none
        #[arg(value_name = "LIMIT")]
        limit: change::LimitArg,
    },
    /// Let nothing more of a queue start; what runs goes on
    #[command(after_help = "Example: longshore queue pause local")]
    Pause {
        /// Its name
        name: String,
    },
    /// Let a paused queue go on
    #[command(after_help = "Example: longshore queue resume local")]
    Resume {
        /// Its name
        name: String,
    },
}

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::List { json } => {
            let queues = context.store().await?.queue_stats().await?;
            if json {
                context.out.json(&queues)?;
            } else {
                write_table(&mut context.out, &queues)?;
            }
        }
        Action::Show { name, json } => {
            let store = context.store().await?;
            let queue = show::stats_of(&*store, &name).await?;
            if json {
                context.out.json(&queue)?;
            } else {
                let now = store.now().await?;
                show::write_facts(&mut context.out, &queue, now)?;
            }
        }
        Action::Create(create) => change::create(context, create).await?,
        Action::Set(set) => change::set(context, &set).await?,
        Action::Limit { name, limit } => change::limit(context, &name, limit).await?,
        Action::Pause { name } => change::pause(context, &name, true).await?,
        Action::Resume { name } => change::pause(context, &name, false).await?,
    }
    Ok(Exit::DONE)
}
