//! `longshore migrate`: brings the database to this binary's schema.

use longshore_core::store::Renewed;

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
    /// Give the database a name of its own, because it is a copy of another that is used too:
    /// containers bear the name. Refused while it has leases or live workers
    #[arg(long)]
    new_instance: bool,
    /// Note that the database is at home where it is now, because it takes the place of the one that it
    /// is a copy of. Numbers of jobs go on a hundred million higher: that one may have given out others since
    #[arg(long, conflicts_with = "new_instance")]
    keep_instance: bool,
}

/// Migrates.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("migrate")?;
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
    if args.new_instance || args.keep_instance {
        let how = context.store_options();
        let name = match open::renew_instance(&address, &how, args.keep_instance).await? {
            Renewed::To(name) => name,
            Renewed::InUse { leases, workers } => {
                let problem = format!(
                    "{address} keeps its name: it has {leases} leases and {workers} live workers, and \
                     their containers bear it"
                );
                let hint = "let its workers end, then ask again; `longshore doctor` names leases that \
                            nobody tends to";
                return Err(Refused::failed(problem).hint(hint).into());
            }
        };
        context.out.line(&format!("{address}: instance {name}"))?;
    }
    Ok(Exit::DONE)
}
