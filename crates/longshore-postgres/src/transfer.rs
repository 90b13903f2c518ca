//! [`Transfer`]: closing the database, reading all of it in pages, and filling another.

mod cells;
mod statements;

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use longshore_core::store::transfer::{Cell, Cells, Closing, Counters, Table, Transfer};
use longshore_core::store::{StoreError, StoreResult, begin_noting, note_all_changes};
use tokio_postgres::types::ToSql;

use self::cells::{Array, by_column, cells_of};
use self::statements::{export, import, which};
use crate::PostgresStore;
use crate::rows::{column, converted};
use crate::{db, error, rows};

/// A page of output is up to some ten MiB, and indexes grow with it.
const LONGEST: Duration = Duration::from_mins(5);

#[async_trait]
impl Transfer for PostgresStore {
    async fn close_to_jobs(&self, why: &str) -> StoreResult<Closing> {
        const VERB: &str = "close the database";
        let leases = self
            .in_transaction(VERB, async |transaction| {
                let sql = include_str!("../sql/close_to_jobs.sql");
                let row = transaction.query_one(sql, &[&why]).await;
                let row = row.map_err(|e| error::of_driver(VERB, e))?;
                let leases = converted::<i64, u64>(VERB, &row, "leases")?;
                Ok((leases, leases == 0))
            })
            .await?;
        Ok(match leases {
            0 => Closing::Closed,
            leases => Closing::InUse { leases },
        })
    }

    async fn reopen_to_jobs(&self) -> StoreResult<()> {
        const VERB: &str = "open the database again";
        let sql = include_str!("../sql/reopen_to_jobs.sql");
        self.db.rows(VERB, sql, &[]).await.map(drop)
    }

    async fn note_rest(&self) -> StoreResult<()> {
        note_all_changes(self).await
    }

    async fn begin_noting(&self) -> StoreResult<()> {
        begin_noting(self).await
    }

    async fn closed_to_jobs(&self) -> StoreResult<Option<String>> {
        const VERB: &str = "look whether the database is closed";
        let sql = include_str!("../sql/closed_to_jobs.sql");
        let row = self.db.maybe(VERB, sql, &[]).await?;
        row.map(|row| column(VERB, &row, "why")).transpose()
    }

    async fn is_untouched(&self) -> StoreResult<bool> {
        const VERB: &str = "look whether the database is empty";
        let sql = include_str!("../sql/is_untouched.sql");
        let row = self.db.one(VERB, sql, &[]).await?;
        column(VERB, &row, "is_untouched")
    }

    async fn export_rows(
        &self,
        table: &'static Table,
        after: Option<Cells>,
        limit: u32,
    ) -> StoreResult<Vec<Cells>> {
        const VERB: &str = "export rows";
        let sql = export(table, after.is_some());
        let limit = i64::from(limit);
        let key: Vec<_> = after.iter().flatten().take(table.key).collect();
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&limit];
        for cell in key {
            params.push(match cell {
                Cell::Integer(number) => number,
                Cell::Text(text) => text,
                Cell::Null | Cell::Bytes(_) => {
                    let refusal = format!("a key of {} is neither number nor text", table.name);
                    return Err(StoreError::unexpected(VERB, refusal));
                }
            });
        }
        let rows = self.db.rows(VERB, &sql, &params).await?;
        rows.iter().map(|row| cells_of(VERB, table, row)).collect()
    }

    async fn import_rows(&self, table: &'static Table, rows: Vec<Cells>) -> StoreResult<()> {
        const VERB: &str = "import rows";
        let columns = by_column(VERB, table, rows)?;
        let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Array::parameter).collect();
        let sql = import(table);
        self.in_transaction(VERB, async |transaction| {
            let driver = |e| error::of_driver(VERB, e);
            let begin = include_str!("../sql/import_rows_begin.sql");
            transaction.query_one(begin, &[]).await.map_err(driver)?;
            if table.name == "log_chunk" {
                let days = include_str!("../sql/import_rows_days.sql");
                transaction
                    .query(days, &params[..2])
                    .await
                    .map_err(driver)?;
            }
            let written = transaction.execute(&sql, &params).await;
            written.map(|_| ((), true)).map_err(driver)
        })
        .await
    }

    async fn count_rows(&self, table: &'static Table) -> StoreResult<u64> {
        const VERB: &str = "count rows";
        let sql = format!(
            "SELECT count(*) AS rows FROM {} AS t{}",
            table.name,
            which(table)
        );
        self.in_transaction(VERB, async |transaction| {
            let row = transaction.query_one(&sql, &[]).await;
            let row = row.map_err(|e| error::of_driver(VERB, e))?;
            Ok((converted::<i64, u64>(VERB, &row, "rows")?, true))
        })
        .await
    }

    async fn export_counters(&self) -> StoreResult<Counters> {
        const VERB: &str = "export counters";
        let sql = include_str!("../sql/export_counters.sql");
        let row = self.db.one(VERB, sql, &[]).await?;
        let of = |name| rows::column(VERB, &row, name);
        Ok(Counters {
            job: of("job")?,
            ready_seq: of("ready_seq")?,
            lease_token: of("lease_token")?,
            lease_slot: of("lease_slot")?,
            queue: of("queue")?,
            worker: of("worker")?,
            host: of("host")?,
            api_token: of("api_token")?,
            audit: of("audit")?,
            webhook: of("webhook")?,
            delivery: of("delivery")?,
        })
    }

    async fn import_counters(&self, counters: Counters) -> StoreResult<()> {
        const VERB: &str = "import counters";
        let sql = include_str!("../sql/import_counters.sql");
        let params: db::Params<'_> = &[
            &counters.job,
            &counters.ready_seq,
            &counters.lease_token,
            &counters.lease_slot,
            &counters.queue,
            &counters.worker,
            &counters.host,
            &counters.api_token,
            &counters.audit,
            &counters.webhook,
            &counters.delivery,
        ];
        self.db.one(VERB, sql, params).await.map(drop)
    }
}

impl PostgresStore {
    /// Runs several statements as one transaction, which is kept if they say so.
    async fn in_transaction<T>(
        &self,
        verb: &'static str,
        run: impl AsyncFnOnce(&Transaction<'_>) -> StoreResult<(T, bool)>,
    ) -> StoreResult<T> {
        let driver = |e| error::of_driver(verb, e);
        let mut client = self.db.client(verb).await?;
        let running = async {
            let transaction = db::begin(verb, &mut client).await?;
            let limit = "SET LOCAL statement_timeout = '5min'";
            transaction.batch_execute(limit).await.map_err(driver)?;
            let (outcome, is_kept) = run(&transaction).await?;
            let ending = if is_kept {
                transaction.commit()
            } else {
                return transaction
                    .rollback()
                    .await
                    .map(|()| outcome)
                    .map_err(driver);
            };
            ending.await.map(|()| outcome).map_err(driver)
        };
        let outcome = self.db.in_time(verb, 3, Some(LONGEST), running).await;
        client.settle(&outcome);
        outcome
    }
}
