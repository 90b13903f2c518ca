//! Making and dropping whole databases beside the one that an address names: for benchmarks, which
//! must never share tables with real jobs.

use longshore_core::store::{StoreError, StoreResult};

use crate::error;
use crate::migrate::Session;
use crate::server::Server;

const VERB_CREATE: &str = "create database";
const VERB_DROP: &str = "drop database";

/// Makes an empty database on the server that `url` names, and returns its address. `name` must be
/// a plain identifier; the user must be allowed to create databases.
pub async fn create_database(url: &str, name: &str) -> StoreResult<String> {
    execute(
        VERB_CREATE,
        url,
        &format!("CREATE DATABASE {}", plain(name)?),
    )
    .await?;
    Ok(with_database(url, name))
}

/// Drops a database of that server, whoever is still connected.
pub async fn drop_database(url: &str, name: &str) -> StoreResult<()> {
    execute(
        VERB_DROP,
        url,
        &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", plain(name)?),
    )
    .await
}

async fn execute(verb: &'static str, url: &str, sql: &str) -> StoreResult<()> {
    let session = Session::open(&Server::at(url)?).await?;
    session
        .client
        .batch_execute(sql)
        .await
        .map_err(|source| error::of_driver(verb, source))
}

fn plain(name: &str) -> StoreResult<&str> {
    let fits = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits && !name.is_empty() {
        return Ok(name);
    }
    Err(StoreError::BadAddress(format!(
        "{name:?} is no plain name for a database"
    )))
}

/// The address of another database of the same server.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url
        .split_once('?')
        .map_or((url, None), |(a, q)| (a, Some(q)));
    let scheme_end = address.find("://").map_or(0, |at| at + 3);
    let host_end = address[scheme_end..]
        .find('/')
        .map_or(address.len(), |at| scheme_end + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &address[..host_end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_databases_name_changes_in_an_address() {
        for (url, other) in [
            ("postgres://me@host/db", "postgres://me@host/x"),
            ("postgres://host", "postgres://host/x"),
            (
                "postgres://host/db?sslmode=require",
                "postgres://host/x?sslmode=require",
            ),
        ] {
            assert_eq!(with_database(url, "x"), other);
        }
    }

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        for name in ["", "a b", "a;b", "A", "a\"b"] {
            assert!(plain(name).is_err(), "{name}");
        }
    }
}
