//! `longshore transfer`: moves everything to another database.

use std::collections::BTreeMap;

use longshore_core::store::transfer::Transfer;
use longshore_queue::transfer::{Notes, TransferError, Transferred, transfer};

use crate::address::Address;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::{open, output, status};

/// Move everything to another database, and close this one
///
/// From a file to PostgreSQL as one machine becomes a fleet, or any other way round: queues, jobs with
/// their attempts and output, templates, tokens, webhooks, the audit log. Ids stay as they are. Both databases
/// refuse jobs until all of it is there; then the new one opens, and the old one stays closed, so that
/// no job runs in both. What was cut off goes on when it is asked for again.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: longshore transfer --database sqlite:jobs.db --to postgres://longshore@db/longshore"
)]
pub struct Args {
    /// The database to go to: one of its own, with nothing in it yet
    #[arg(long, value_name = "ADDRESS", required_unless_present = "reopen")]
    to: Option<String>,
    /// Open a database again that was closed by a transfer: to go back to it, once nothing uses the other
    #[arg(long, conflicts_with = "to")]
    reopen: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// Transfers, or opens again.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("transfer")?;
    let address = context.address()?;
    let how = context.store_options();
    let Some(to) = args.to.as_deref() else {
        let database = open::for_transfer(&address, &how).await?;
        let reopened = database.rows.reopen_to_jobs().await;
        database.store.close().await;
        reopened?;
        context.out.line(&format!("{address}: open"))?;
        return Ok(Exit::DONE);
    };
    let target = Address::parse(to)?;
    if target == address {
        let problem = format!("{address} is the database to go to and the one to go from");
        return Err(Refused::usage(problem)
            .hint("name the one to go from with --database")
            .into());
    }
    open::migrate(&target, &how, None).await?;
    let from = open::for_transfer(&address, &how).await?;
    let new = open::for_transfer(&target, &how).await?;
    let notes = Notes {
        left: format!(
            "the jobs of this database moved to {target}: name that one, or open this one again with \
             `longshore transfer --reopen`"
        ),
        coming: format!(
            "the jobs of {address} are moving into this database, and not all are there: go on with \
             `longshore transfer`"
        ),
    };
    let transferred = move_all(&*from.rows, &*new.rows, &notes).await;
    // Both files are whole then, without a log beside them.
    from.store.close().await;
    new.store.close().await;
    let transferred = transferred.map_err(|error| refusal(error, &address, &target))?;
    if args.json {
        let rows: BTreeMap<_, _> = transferred
            .iter()
            .map(|(table, rows)| (table.name, rows))
            .collect();
        context.out.json(&rows)?;
    } else {
        for (table, rows) in transferred.iter().filter(|(_, rows)| *rows > 0) {
            context.out.line(&format!("{:<18}{rows}", table.name))?;
        }
        output::talk(&format!("{target} is open, {address} is closed"));
    }
    Ok(Exit::DONE)
}

async fn move_all(
    from: &dyn Transfer,
    to: &dyn Transfer,
    notes: &Notes,
) -> Result<Transferred, TransferError> {
    let _line = status::TakenAway;
    transfer(from, to, notes, |table, rows| {
        status::show(&format!("{}: {rows}", table.name));
    })
    .await
}

fn refusal(error: TransferError, from: &Address, to: &Address) -> anyhow::Error {
    let problem = match &error {
        TransferError::Store(_) => return error.into(),
        TransferError::InUse { leases } => {
            format!("{from}: {leases} jobs are launching or running")
        }
        TransferError::NotEmpty => format!("{to} is not empty"),
        TransferError::Elsewhere { why } => why.clone(),
        TransferError::Differs { .. } => format!("{to}: {error}"),
    };
    let hint = match &error {
        TransferError::InUse { .. } => {
            "let its workers end (SIGTERM, or `longshore workers drain`), see `longshore list --state \
             running`, then ask again"
        }
        TransferError::NotEmpty => "name a database of its own, that no worker has used yet",
        TransferError::Elsewhere { .. } => "nothing was done",
        TransferError::Store(_) | TransferError::Differs { .. } => {
            "both stay closed; report this, and go back with `longshore transfer --reopen`"
        }
    };
    Refused::failed(problem).hint(hint).into()
}
