//! `longshore migrate`: brings the database to this binary's schema.

use crate::address::Address;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::open;

/// Bring the database to this version's schema
///
/// Forward only; a database that is newer than this binary is refused. The embedded store does so
/// by itself when it is opened. Safe to run from several places at once.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: longshore migrate --database postgres://longshore@db/jobs --grant-submit app"
)]
pub struct Args {
    /// On PostgreSQL: let this role call `longshore.submit` and `longshore.submit_many` from SQL
    #[arg(long, value_name = "ROLE")]
    grant_submit: Option<String>,
}

/// Migrates.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    let address = context.address()?;
    if let (Address::Sqlite(_), Some(_)) = (&address, &args.grant_submit) {
        return Err(
            Refused::usage("--grant-submit is for PostgreSQL: a SQLite file has no roles").into(),
        );
    }
    let version = open::migrate(
        &address,
        &context.store_options(),
        args.grant_submit.as_deref(),
    )
    .await?;
    context.out.line(&format!("{address}: {version}"))?;
    Ok(Exit::DONE)
}
