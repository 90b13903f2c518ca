//! `longshore token`: who may speak to a server.

use std::time::Duration;

use clap::Subcommand;
use longshore_client::api::NewToken;
use longshore_core::access::{ApiToken, ApiTokenId, NewApiToken, Role};
use longshore_core::spec::{Timeout, parse_duration};
use longshore_core::suggest;
use longshore_server::Secret;

use crate::context::Context;
use crate::exit::{self, Exit, Refused};
use crate::output::table::{
    self,
    Column::{Long, Numbers, Words},
    Table,
};
use crate::output::{self, words};

/// Make and revoke tokens for a server
///
/// A token says who asks, and what they may do: reader looks at jobs, submitter submits and moves them,
/// operator also runs jobs on the host itself and changes queues and hosts, admin also makes tokens.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore token create --role submitter ci --lifetime 90d")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a token, and write it: it is never shown again
    #[command(after_help = "Example: longshore token create --role submitter ci --lifetime 90d")]
    Create {
        /// Whose it is
        name: String,
        /// What it may do: reader, submitter, operator or admin
        #[arg(long, value_parser = |text: &str| text.parse::<Role>())]
        role: Role,
        /// For how long it is good [default: for ever]
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        lifetime: Option<Duration>,
    },
    /// List tokens, newest first, without their secrets
    #[command(after_help = "Example: longshore token list")]
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make tokens good for nothing, from now on
    #[command(after_help = "Example: longshore token revoke ci")]
    Revoke {
        /// The tokens: names of those that are good, or numbers
        #[arg(value_name = "TOKEN", required = true)]
        tokens: Vec<String>,
    },
    /// List what was done over HTTP, or refused, and by whom; newest first
    #[command(after_help = "Example: longshore token audit --limit 20")]
    Audit {
        /// At most this many lines
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    match args.action {
        Action::Create {
            name,
            role,
            lifetime,
        } => create(context, name, role, lifetime).await,
        Action::List { json } => list(context, json).await,
        Action::Revoke { tokens } => revoke(context, &tokens).await,
        Action::Audit { limit, json } => audit(context, limit, json).await,
    }
}

async fn create(
    context: &mut Context,
    name: String,
    role: Role,
    lifetime: Option<Duration>,
) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let secret = if let Some(client) = context.client()? {
        let lifetime = lifetime.map(Timeout::After);
        let new = NewToken {
            name,
            role,
            lifetime,
        };
        client.create_token(&new).await?.secret
    } else {
        let secret = Secret::draw();
        let new = NewApiToken {
            name,
            role,
            hash: secret.hash(),
            lifetime,
        };
        let token = store.create_token(&new).await?;
        secret.token(token.id)
    };
    context.out.line(&secret)?;
    output::hint(
        "keep it: it is never shown again; LONGSHORE_TOKEN or --token-file shows it to a server",
    );
    Ok(Exit::DONE)
}

async fn list(context: &mut Context, json: bool) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let tokens = store.tokens().await?;
    if json {
        context.out.json(&tokens)?;
        return Ok(Exit::DONE);
    }
    if tokens.is_empty() {
        output::talk("there is no token");
        output::hint("`longshore token create --role ROLE NAME` makes one");
        return Ok(Exit::DONE);
    }
    let now = store.now().await?;
    let columns = [
        Numbers("ID"),
        Long("NAME"),
        Words("ROLE"),
        Words("STATE"),
        Numbers("AGE"),
        Words("EXPIRES"),
        Numbers("USED"),
    ];
    let mut table = Table::new(&context.out, &columns);
    for token in &tokens {
        table.row([
            table::cell(token.id),
            table::cell(&token.name),
            table::cell(token.role),
            table::cell(state_of(token)),
            table::cell(words::between(token.created_at, now)),
            table::optional(token.expires_at.map(words::time)),
            table::optional(token.last_used_at.map(|at| words::between(at, now))),
        ]);
    }
    table.write(&mut context.out)?;
    Ok(Exit::DONE)
}

fn state_of(token: &ApiToken) -> &'static str {
    if token.revoked_at.is_some() {
        "revoked"
    } else if token.is_good {
        "good"
    } else {
        "expired"
    }
}

async fn revoke(context: &mut Context, names: &[String]) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let tokens = store.tokens().await?;
    let good = || tokens.iter().filter(|token| token.is_good);
    let mut exit = Exit::DONE;
    for name in names {
        let of_name = good()
            .find(|token| token.name == *name)
            .map(|token| token.id);
        let of_number = || name.parse().ok().map(ApiTokenId);
        let Some(id) = of_name.or_else(of_number) else {
            let hint = suggest::hint(name, good().map(|token| token.name.as_str()));
            let refused = Refused::failed(format!("no good token is called {name:?}; {hint}"));
            exit = exit::report(&refused.hint("`longshore token list` shows them").into());
            continue;
        };
        match store.revoke_token(id).await {
            Ok(token) => context
                .out
                .line(&format!("{} {} revoked", token.id, token.name))?,
            Err(error) if error.is_systems_fault() => return Err(error.into()),
            Err(error) => exit = exit::report(&error.into()),
        }
    }
    Ok(exit)
}

async fn audit(context: &mut Context, limit: u32, json: bool) -> anyhow::Result<Exit> {
    let store = context.store().await?;
    let entries = store.audit_log(None, limit).await?;
    if json {
        context.out.json(&entries)?;
        return Ok(Exit::DONE);
    }
    let columns = [
        Words("AT"),
        Long("WHO"),
        Words("FROM"),
        Words("ACTION"),
        Long("SUBJECT"),
        Numbers("STATUS"),
    ];
    let mut table = Table::new(&context.out, &columns);
    for entry in &entries {
        table.row([
            table::cell(words::time(entry.at)),
            table::cell(&entry.note.who),
            table::cell(&entry.note.address),
            table::cell(&entry.note.action),
            table::cell(&entry.note.subject),
            table::cell(entry.note.status),
        ]);
    }
    table.write(&mut context.out)?;
    Ok(Exit::DONE)
}
