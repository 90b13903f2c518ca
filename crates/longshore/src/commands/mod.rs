//! One file per command. A command reads its arguments, asks the store or the queue, and writes;
//! it decides nothing that a crate beneath it could.

mod bench;
mod cancel;
mod completions;
mod confirm;
mod demo;
mod doctor;
mod each;
mod hold;
mod hosts;
mod list;
mod logs;
mod man;
mod migrate;
mod priority;
mod prune;
mod queue;
mod release;
mod retry;
mod run;
mod server;
mod show;
mod signals;
mod stats;
mod submit;
mod template;
mod token;
mod transfer;
mod up;
mod wait;
mod webhook;
mod worker;
mod workers;

pub use doctor::found;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::Exit;

/// Declares every command once: its name, and the file with its `Args` (whose doc comment is the
/// help) and `run`.
macro_rules! commands {
    ($($(#[$attribute:meta])* $Name:ident in $file:ident),* $(,)?) => {
        /// What to do.
        #[derive(Subcommand, Debug)]
        pub enum Command {
            $(#[allow(missing_docs, reason = "the help is on its Args")]
            $(#[$attribute])* $Name($file::Args)),*
        }

        impl Command {
            /// Does it.
            pub async fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
                match self {
                    $(Self::$Name(args) => $file::run(context, args).await),*
                }
            }
        }
    };
}

// In the order of the help: from handing in a job to looking after the system.
commands! {
    Run in run,
    Submit in submit,
    #[command(visible_alias = "ps")] List in list,
    Show in show,
    Logs in logs,
    Wait in wait,
    Cancel in cancel,
    Retry in retry,
    #[command(visible_alias = "dequeue")] Hold in hold,
    Release in release,
    Priority in priority,
    Queue in queue,
    Template in template,
    Worker in worker,
    Server in server,
    Up in up,
    Token in token,
    Webhook in webhook,
    Workers in workers,
    Hosts in hosts,
    Stats in stats,
    Prune in prune,
    Doctor in doctor,
    Migrate in migrate,
    Transfer in transfer,
    Completions in completions,
    Man in man,
    Demo in demo,
    Bench in bench,
}

impl Command {
    /// Whether it ends with a job's own code, so that a failure of ours needs one apart.
    pub fn speaks_for_a_job(&self) -> bool {
        match self {
            Self::Run(_) | Self::Wait(_) => true,
            Self::Submit(args) => args.waits(),
            _ => false,
        }
    }

    /// Whether it logs what it does.
    pub fn is_worker(&self) -> bool {
        matches!(self, Self::Worker(_) | Self::Server(_) | Self::Up(_))
    }
}
