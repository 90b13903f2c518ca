//! Connections: how they are made, what every session is told, and the few ways to ask.
//!
//! Owns the pool. Deadlines are the server's (lock, statement and idle timeouts of the session): no
//! verb gives up on its own, because a dropped future would leave it open what had happened. A
//! connection is given up, though, on which no answer comes for longer than the server would take to
//! refuse one: it is half open, and nothing else would ever say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Hook, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use longshore_core::store::{StoreError, StoreResult};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};

use crate::Options;
use crate::{error, session};

/// How long to wait for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a verb waits for a free connection of the pool before it says that there is none.
const POOL_WAIT: Duration = Duration::from_secs(30);
/// So much later than the server's own deadline an answer may come, on a slow network and from a server
/// that has too much to do.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// After this long without an answer to a packet the kernel gives the connection up. It does not help
/// where something in between takes the packets and passes none on.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The pool.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    pool: Pool,
    config: Config,
    made: Arc<AtomicU64>,
    /// How long an answer is waited for; none where the server has no deadline either.
    answer_within: Option<Duration>,
}

impl Db {
    /// A pool; it connects when it is first asked for something.
    pub fn new(config: Config, options: &Options) -> StoreResult<Self> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.clone(), NoTls, recycling);
        let timeouts = Timeouts {
            wait: Some(POOL_WAIT),
            create: Some(CONNECT_TIMEOUT * 2),
            recycle: None,
        };
        let statement = options.statement_timeout;
        let answer_within = (!statement.is_zero()).then(|| statement + ANSWER_MARGIN);
        let made = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&made);
        let count = Hook::sync_fn(move |_, _| {
            counter.fetch_add(1, Ordering::SeqCst);
            Ok(())
        });
        Pool::builder(manager)
            .max_size(options.pool_size.max(1))
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .post_create(count)
            .build()
            .map(|pool| Self {
                pool,
                config,
                made,
                answer_within,
            })
            .map_err(|e| StoreError::unexpected("connect", e))
    }

    /// How connections are made.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many connections were made so far; counted before each is used.
    pub fn connections_made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Closes every connection; verbs fail from now on.
    pub fn close(&self) {
        self.pool.close();
    }

    /// A connection of its own, for several statements in one transaction.
    pub async fn client(&self, verb: &'static str) -> StoreResult<deadpool_postgres::Client> {
        self.pool.get().await.map_err(|e| error::of_pool(verb, e))
    }

    /// Runs one statement in a transaction of its own; returns its rows once it is committed.
    pub async fn rows(
        &self,
        verb: &'static str,
        sql: &str,
        params: Params<'_>,
    ) -> StoreResult<Vec<Row>> {
        let client = self.client(verb).await?;
        self.rows_over(verb, client, sql, params).await
    }

    /// The same over a connection of the pool that the caller has at hand.
    async fn rows_over(
        &self,
        verb: &'static str,
        client: Object,
        sql: &str,
        params: Params<'_>,
    ) -> StoreResult<Vec<Row>> {
        let run = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, params).await
        };
        let answer = match self.answer_within {
            Some(most) => timeout(most, run).await,
            None => Ok(run.await),
        };
        let error = match answer {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) => error::of_driver(verb, error),
            Err(late) => StoreError::Unavailable {
                verb,
                source: Box::new(late),
            },
        };
        if is_of_the_connection(&error) {
            drop(Object::take(client));
            // The others are likely to be so too, and each would have to be found out by itself, which
            // takes a whole deadline where nothing answers.
            self.pool.retain(|_, _| false);
        }
        Err(error)
    }

    /// One statement that gives exactly one row, over a connection that the caller has at hand.
    pub async fn one_over(
        &self,
        verb: &'static str,
        client: Object,
        sql: &str,
        params: Params<'_>,
    ) -> StoreResult<Row> {
        exactly_one(verb, self.rows_over(verb, client, sql, params).await?)
    }

    /// The same for statements that give one row or none.
    pub async fn maybe(
        &self,
        verb: &'static str,
        sql: &str,
        params: Params<'_>,
    ) -> StoreResult<Option<Row>> {
        at_most_one(verb, self.rows(verb, sql, params).await?)
    }

    /// The same for statements that give exactly one row.
    pub async fn one(&self, verb: &'static str, sql: &str, params: Params<'_>) -> StoreResult<Row> {
        exactly_one(verb, self.rows(verb, sql, params).await?)
    }
}

/// Whether another connection may do better: this one is broken, though it may not be known to be, or
/// was told that it can only read, which a session is told once, when it begins.
fn is_of_the_connection(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable { .. } | StoreError::CannotWrite { .. }
    )
}

fn at_most_one(verb: &'static str, mut rows: Vec<Row>) -> StoreResult<Option<Row>> {
    if rows.len() > 1 {
        let text = format!("{} rows where one was expected", rows.len());
        return Err(StoreError::unexpected(verb, text));
    }
    Ok(rows.pop())
}

fn exactly_one(verb: &'static str, rows: Vec<Row>) -> StoreResult<Row> {
    at_most_one(verb, rows)?
        .ok_or_else(|| StoreError::unexpected(verb, "no row where one was expected"))
}

/// Begins a transaction; always READ COMMITTED, stated explicitly, whatever the server's default.
pub(crate) async fn begin<'c>(
    verb: &'static str,
    client: &'c mut deadpool_postgres::Client,
) -> StoreResult<deadpool_postgres::Transaction<'c>> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await
        .map_err(|e| error::of_driver(verb, e))
}

/// The driver's configuration for an address, with what every session is told.
pub(crate) fn configure(url: &str, options: &Options) -> StoreResult<Config> {
    let mut config: Config = url.parse().map_err(|e: tokio_postgres::Error| {
        let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        StoreError::BadAddress(format!(
            "this is not the address of a PostgreSQL database: {why}"
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(StoreError::BadAddress(
            "sslmode=require: this build has no TLS; use a local address, a tunnel or a proxy"
                .to_owned(),
        ));
    }
    let settings = session::startup_options(options);
    let given = config.get_options().unwrap_or_default();
    let settings = format!("{settings} {given}");
    if config.get_application_name().is_none() {
        config.application_name(&options.application_name);
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config
        .options(settings.trim_end())
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(TCP_USER_TIMEOUT);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_with_its_reason() {
        let refused = configure("postgres://host:port/db", &Options::default());
        assert!(
            matches!(refused, Err(StoreError::BadAddress(_))),
            "{refused:?}"
        );
    }

    #[test]
    fn an_address_that_asks_for_tls_is_refused_rather_than_served_without() {
        let refused = configure("postgres://host/db?sslmode=require", &Options::default());
        let error = refused.expect_err("there is no TLS").to_string();
        assert!(error.contains("sslmode=require"), "{error}");
    }

    #[test]
    fn the_addresss_own_options_and_name_are_kept() {
        let url = "postgres://host/db?options=-c%20work_mem%3D8MB&application_name=mine";
        let config = configure(url, &Options::default()).expect("an address");
        let options = config.get_options().expect("ours at least");
        assert!(options.contains("search_path=longshore,"), "{options}");
        assert!(options.ends_with("-c work_mem=8MB"), "{options}");
        assert_eq!(config.get_application_name(), Some("mine"));
    }
}
