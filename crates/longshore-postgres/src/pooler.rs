//! A transaction pooler between us and the server: whether there is one, and whether we can work
//! behind it.
//!
//! It gives every transaction whichever session is free. Our statements are prepared by name, and one
//! that a session of another process has prepared under the same name, or has not, is an error in the
//! midst of work; so a pooler that does not keep them apart is refused before any work begins.

use std::time::Duration;

use longshore_core::store::{StoreError, StoreResult};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::error;
use crate::migrate::Session;
use crate::server::Server;

/// How long looking may take: a pooler that has no session to spare is not waited for.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Another client of the pooler may use the very session that would give it away, but not each time.
const LOOKS: usize = 3;
/// A statement that nobody else prepares.
const PROBE: &str = "SELECT 'is longshore behind a pooler'";

/// What stands between us and the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Between {
    /// Nothing, or what gives each client a session of its own.
    Nothing,
    /// A transaction pooler.
    Pooler {
        /// Whether each client sees only the statements that it prepared itself.
        keeps_statements: bool,
    },
}

/// Looks, from two connections: two that are open at once have different server processes, and each
/// keeps its own, unless a pooler hands them round.
pub(crate) async fn look(
    verb: &'static str,
    server: &Server,
    client: &Client,
) -> StoreResult<Between> {
    let looking = async {
        let Ok(other) = Session::open(server).await else {
            return Ok(Between::Nothing); // Nothing that could be shared.
        };
        if !hands_round(client, &other.client).await? {
            return Ok(Between::Nothing);
        }
        let keeps_statements = keeps_statements(client).await?;
        Ok(Between::Pooler { keeps_statements })
    };
    match timeout(LOOK_TIMEOUT, looking).await {
        Ok(looked) => looked.map_err(|e| error::of_driver(verb, e)),
        Err(_late) => Ok(Between::Nothing),
    }
}

/// Refuses a pooler that mixes up the statements of its clients.
pub(crate) fn refuse_unfit(verb: &'static str, between: Between) -> StoreResult<()> {
    match between {
        Between::Nothing
        | Between::Pooler {
            keeps_statements: true,
        } => Ok(()),
        Between::Pooler {
            keeps_statements: false,
        } => Err(mixes_statements(verb)),
    }
}

/// The error of who works behind such a pooler.
pub(crate) fn mixes_statements(verb: &'static str) -> StoreError {
    StoreError::BadAddress(format!(
        "{verb}: a transaction pooler stands before the database and mixes up the prepared statements \
         of its clients; use PgBouncer 1.21 or later with max_prepared_statements above 0, or a pool in \
         session mode, or the server's own address"
    ))
}

/// Explains why there is no connection, where that takes a second look: something that refuses startup
/// options, as `PgBouncer` does unless it is told to ignore them, takes a connection without.
pub(crate) async fn explain(url: &str, error: StoreError) -> StoreError {
    let StoreError::Unavailable { verb, source } = &error else {
        return error;
    };
    let code = source
        .downcast_ref::<tokio_postgres::Error>()
        .and_then(tokio_postgres::Error::code);
    if code != Some(&SqlState::PROTOCOL_VIOLATION) {
        return error;
    }
    // Without any of ours.
    let Ok(bare) = Server::at(url) else {
        return error;
    };
    match timeout(LOOK_TIMEOUT, Session::open(&bare)).await {
        Ok(Ok(_connected)) => StoreError::BadAddress(format!(
            "{verb}: what answers at this address refuses startup options, as PgBouncer does: set its \
             `ignore_startup_parameters = options`; then the role has to say what they would, and \
             longshore says how"
        )),
        Ok(Err(_)) | Err(_) => error,
    }
}

/// Whether the two get each other's sessions.
async fn hands_round(one: &Client, other: &Client) -> Result<bool, tokio_postgres::Error> {
    for _ in 0..LOOKS {
        let before = asked(one, "SELECT pg_backend_pid()").await?;
        // It keeps its session until its transaction ends, so that the first must get another.
        let others = asked(other, "BEGIN; SELECT pg_backend_pid()").await?;
        let is_shared = others == before || asked(one, "SELECT pg_backend_pid()").await? != before;
        other.batch_execute("ROLLBACK").await?;
        if is_shared {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a statement gets a name of the pooler's own, rather than the driver's, which other clients
/// use too: `s` and a number.
async fn keeps_statements(client: &Client) -> Result<bool, tokio_postgres::Error> {
    client.batch_execute("BEGIN").await?;
    let Ok(_prepared) = client.prepare(PROBE).await else {
        client.batch_execute("ROLLBACK").await?;
        return Ok(false);
    };
    let quoted = PROBE.replace('\'', "''");
    let names = format!("SELECT name FROM pg_prepared_statements WHERE statement = '{quoted}'");
    let names = asked(client, &names).await?;
    client.batch_execute("ROLLBACK").await?;
    Ok(!names.iter().any(|name| is_the_drivers(name)))
}

fn is_the_drivers(name: &str) -> bool {
    name.strip_prefix('s')
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The first column of each row, asked without preparing anything.
async fn asked(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let first = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(first).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_drivers_is_told_from_a_poolers() {
        for name in ["s0", "s117"] {
            assert!(is_the_drivers(name), "{name}");
        }
        for name in ["PGBOUNCER_3", "stmt_1", "S_12"] {
            assert!(!is_the_drivers(name), "{name}");
        }
    }
}
