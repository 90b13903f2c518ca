//! Connections: how they are made, what every session is told, and the few ways to ask.
//!
//! Owns the pool. Deadlines are the server's (lock, statement and idle timeouts of the session): no
//! verb gives up on its own, because a dropped future would leave it open what had happened. A
//! connection is given up, though, on which no answer comes for longer than the server would take to
//! refuse one: it is half open, and nothing else would ever say so. So is one whose caller has given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime,
    Timeouts,
};
use longshore_core::store::{StoreError, StoreResult};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use crate::lent::Lent;
use crate::server::{CONNECT_TIMEOUT, Server};
use crate::standing::Standing;
use crate::{Options, error};

/// How long a verb waits for a free connection of the pool before it says that there is none.
const POOL_WAIT: Duration = Duration::from_secs(30);
/// So much later than the server's own deadline an answer may come, on a slow network and from a server
/// that has too much to do.
const ANSWER_MARGIN: Duration = Duration::from_secs(5);
/// Parameters of a statement.
pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The pool.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    pool: Pool,
    standing: Standing,
    server: Server,
    made: Arc<AtomicU64>,
    idle_time: Duration,
    /// How long an answer is waited for; none where the server has no deadline either.
    answer_within: Option<Duration>,
}

impl Db {
    /// A pool; it connects when it is first asked for something.
    pub fn new(server: Server, options: &Options) -> StoreResult<Self> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let (config, tls) = server.clone().into_parts();
        let manager = Manager::from_config(config, tls, recycling);
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
            // The one that was used last: so that those that are not needed grow old.
            .queue_mode(QueueMode::Lifo)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .post_create(count)
            .build()
            .map(|pool| Self {
                pool,
                standing: Standing::default(),
                server,
                made,
                idle_time: options.idle_time,
                answer_within,
            })
            .map_err(|e| StoreError::unexpected("connect", e))
    }

    /// How connections are made.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many connections were made so far; counted before each is used.
    pub fn connections_made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Counts a connection that was made by whoever listens, before it is used.
    pub fn stands(&self, client: ClientWrapper) {
        self.made.fetch_add(1, Ordering::SeqCst);
        self.standing.put(client);
    }

    /// The connection that listens, if there is one.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Closes every connection; verbs fail from now on.
    pub fn close(&self) {
        self.pool.close();
        self.standing.clear();
    }

    /// After how long without use a connection of the pool is closed.
    pub fn idle_time(&self) -> Duration {
        self.idle_time
    }

    /// Closes connections of the pool that were not used for so long.
    pub fn let_go_of_idle(&self) {
        self.pool
            .retain(|_, metrics| metrics.last_used() < self.idle_time);
    }

    /// A connection of its own, for what takes several exchanges.
    pub async fn client(&self, verb: &'static str) -> StoreResult<Lent> {
        // With little to do one connection will do, and those of the pool grow old.
        if self.standing.is_quiet()
            && let Some(client) = self.standing.take().await
        {
            return Ok(Lent::standing(client, &self.pool));
        }
        let client = self.pool.get().await;
        let client = client.map_err(|e| error::of_pool(verb, e))?;
        Ok(Lent::of_pool(client, &self.pool))
    }

    /// Waits for what several exchanges come to, no longer than the server would take to refuse each of
    /// so many statements; `longest` is its deadline for each where that is not the session's.
    pub async fn in_time<T>(
        &self,
        verb: &'static str,
        statements: usize,
        longest: Option<Duration>,
        run: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let each = longest.map(|longest| longest + ANSWER_MARGIN);
        let Some(each) = each.max(self.answer_within) else {
            return run.await;
        };
        let most = each.saturating_mul(u32::try_from(statements.max(1)).unwrap_or(u32::MAX));
        match timeout(most, run).await {
            Ok(outcome) => outcome,
            Err(late) => Err(unanswered(verb, late)),
        }
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
        client: Lent,
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
        let outcome = match answer {
            Ok(rows) => rows.map_err(|error| error::of_driver(verb, error)),
            Err(late) => Err(unanswered(verb, late)),
        };
        client.settle(&outcome);
        outcome
    }

    /// One statement that gives exactly one row, over a connection that the caller has at hand.
    pub async fn one_over(
        &self,
        verb: &'static str,
        client: Lent,
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

fn unanswered(verb: &'static str, late: Elapsed) -> StoreError {
    StoreError::Unavailable {
        verb,
        source: Box::new(late),
    }
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
    client: &'c mut ClientWrapper,
) -> StoreResult<deadpool_postgres::Transaction<'c>> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await
        .map_err(|e| error::of_driver(verb, e))
}
