//! `longshore server`: answers over HTTP.

mod args;

use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{Access as _, Store as _};
use longshore_queue::Retrying;
use longshore_server::{Access, Server};
use tokio::sync::oneshot;

pub use args::{HttpArgs, Listening};

use super::signals::Interrupts;
use super::worker::say;
use crate::context::Context;
use crate::exit::{Exit, Refused};
use crate::log::LogFormat;
use crate::metrics::{self, Does};

/// How long what is being answered has to end.
pub const GRACE: Duration = Duration::from_secs(5);

/// Answer over HTTP: the API, until told to stop
///
/// For programs and for `longshore --server`. On loopback callers need no token, and may submit jobs that
/// run as containers; elsewhere everybody needs one (`longshore token create`). /docs shows the API. Starts
/// no jobs: workers do.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: longshore server --listen 127.0.0.1:7373")]
pub struct Args {
    #[command(flatten)]
    http: HttpArgs,
}

/// Answers until it is told to stop.
pub async fn run(context: &mut Context, args: Args) -> anyhow::Result<Exit> {
    context.needs_the_database("server")?;
    let mut listening = args.http.listening(&context.config.http)?;
    listening.options.metrics = metrics::install(Does::Serves)?;
    let store = context.retrying().await?;
    let server = bind(&store, listening).await?;
    say_where(context.log_format(), &server);
    let mut interrupts = Interrupts::listen()?;
    let stop = async {
        interrupts.next().await;
    };
    server.run(stop, GRACE).await?;
    say(context.log_format(), "the server has stopped");
    Ok(Exit::DONE)
}

/// Listens, once somebody could speak to it.
pub async fn bind(store: &Retrying, listening: Listening) -> anyhow::Result<Server> {
    let Listening {
        address,
        tls,
        options,
    } = listening;
    // Before it listens: a server that can't answer should not look as if it could.
    store.now().await?;
    if options.access == Access::Tokens {
        let tokens = store.tokens().await?;
        if !tokens.iter().any(|token| token.is_good) {
            let refused = Refused::failed("nobody could speak to this server: there is no token");
            return Err(refused
                .hint("`longshore token create --role admin NAME` makes one")
                .into());
        }
    }
    let store = Arc::new(store.clone());
    Ok(Server::bind(address, tls.as_ref(), store, options).await?)
}

/// Serves while something else works, until that ends.
pub async fn beside<T>(
    server: Server,
    working: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let (ended, has_ended) = oneshot::channel::<()>();
    let until = async {
        let _ended_or_gone = has_ended.await;
    };
    let serving = server.run(until, GRACE);
    let working = async {
        let done = working.await;
        drop(ended);
        done
    };
    let (done, answered) = tokio::join!(working, serving);
    let done = done?;
    answered?;
    Ok(done)
}

/// Says where the server listens.
pub fn say_where(format: LogFormat, server: &Server) {
    let (scheme, address) = (server.scheme(), server.address());
    say(
        format,
        &format!("the server listens on {scheme}://{address}"),
    );
}
