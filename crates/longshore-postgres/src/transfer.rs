//! [`Transfer`]: closing the database, reading all of it in pages, and filling another.
//!
//! Statements are made of the list of what moves (core's `TABLES`), so that a column is named once.

use std::fmt::Write as _;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use longshore_core::store::transfer::{
    Cell, Cells, Closing, Column, Counters, Kind, Table, Transfer,
};
use longshore_core::store::{StoreError, StoreResult};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

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

/// The type of a column that holds one of a few words.
fn enum_of(name: &str) -> &'static str {
    match name {
        "reason" => "waiting_reason",
        "state" => "terminal_state",
        "outcome" => "attempt_outcome",
        _ => "error_class",
    }
}

/// A column as numbers, texts and bytes.
fn exported(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Integer => format!("t.{name}::bigint"),
        Kind::Flag => format!("t.{name}::integer::bigint"),
        Kind::Moment => format!(
            "CASE WHEN t.{name} = 'infinity' THEN 9223372036854775807 \
             ELSE (extract(epoch FROM t.{name}) * 1000000)::bigint END"
        ),
        Kind::Span => format!("(extract(epoch FROM t.{name}) * 1000000)::bigint"),
        Kind::Text | Kind::Word | Kind::Json => format!("t.{name}::text"),
        Kind::Numbers => format!("array_to_json(t.{name})::text"),
        Kind::Bytes => format!("t.{name}"),
    }
}

/// And back.
fn imported(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Integer | Kind::Text | Kind::Bytes => format!("r.{name}"),
        // Where others leave it open, there is a default here.
        Kind::Flag => format!("coalesce(r.{name} <> 0, false)"),
        Kind::Moment => format!(
            "CASE WHEN r.{name} = 9223372036854775807 THEN 'infinity'::timestamptz \
             ELSE '1970-01-01T00:00:00Z'::timestamptz + r.{name} * interval '1 microsecond' END"
        ),
        Kind::Span => format!("r.{name} * interval '1 microsecond'"),
        Kind::Word => format!("r.{name}::{}", enum_of(name)),
        Kind::Json => format!("r.{name}::jsonb"),
        Kind::Numbers => {
            format!("ARRAY(SELECT n::bigint FROM json_array_elements_text(r.{name}::json) AS n)")
        }
    }
}

fn array_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Flag | Kind::Moment | Kind::Span => "bigint[]",
        Kind::Text | Kind::Word | Kind::Json | Kind::Numbers => "text[]",
        Kind::Bytes => "bytea[]",
    }
}

/// Which rows move.
fn which(table: &Table) -> &'static str {
    if table.name == "log_chunk" {
        // Output of jobs that were pruned lies there until its day goes.
        " WHERE EXISTS (SELECT FROM attempt AS a WHERE (a.job_id, a.attempt) = (t.job_id, t.attempt))"
    } else {
        " WHERE true"
    }
}

fn export(table: &Table, is_behind: bool) -> String {
    let selected: Vec<_> = table.columns.iter().map(exported).collect();
    let key: Vec<_> = table.columns[..table.key]
        .iter()
        .map(|column| match column.kind {
            Kind::Text => format!("t.{} COLLATE \"C\"", column.name),
            _ => format!("t.{}", column.name),
        })
        .collect();
    let key = key.join(", ");
    let mut sql = format!(
        "SELECT {} FROM {} AS t{}",
        selected.join(", "),
        table.name,
        which(table)
    );
    if is_behind {
        let marks: Vec<_> = table.columns[..table.key]
            .iter()
            .enumerate()
            .map(|(at, column)| match column.kind {
                Kind::Text => format!("${}::text", at + 2),
                _ => format!("${}::bigint", at + 2),
            })
            .collect();
        write!(sql, " AND ({key}) > ({})", marks.join(", ")).expect("a string takes all");
    }
    write!(sql, " ORDER BY {key} LIMIT $1::bigint").expect("a string takes all");
    sql
}

fn import(table: &Table) -> String {
    let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    let mut into = names.clone();
    let mut values: Vec<_> = table.columns.iter().map(imported).collect();
    match table.name {
        "job" => {
            into.push("labels");
            values.push("r.spec::jsonb -> 'labels'".to_owned());
        }
        "log_chunk" => {
            into.push("claimed_at");
            values.push(
                "(SELECT a.claimed_at FROM attempt AS a \
                 WHERE (a.job_id, a.attempt) = (r.job_id, r.attempt))"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let arrays: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("${}::{}", at + 1, array_of(column.kind)))
        .collect();
    let otherwise = if table.name == "queue" {
        // Migrating makes two queues, which may have been changed where these come from.
        let set: Vec<_> = names[table.key..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!("ON CONFLICT (id) DO UPDATE SET {}", set.join(", "))
    } else {
        "ON CONFLICT DO NOTHING".to_owned()
    };
    format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS r({}) {otherwise}",
        table.name,
        into.join(", "),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}

fn cells_of(verb: &'static str, table: &Table, row: &Row) -> StoreResult<Cells> {
    let unexpected = |e| StoreError::unexpected(verb, e);
    let cells = table.columns.iter().enumerate().map(|(at, column)| {
        Ok(match array_of(column.kind) {
            "bigint[]" => {
                let number: Option<i64> = row.try_get(at).map_err(unexpected)?;
                number.map_or(Cell::Null, Cell::Integer)
            }
            "text[]" => {
                let text: Option<String> = row.try_get(at).map_err(unexpected)?;
                text.map_or(Cell::Null, Cell::Text)
            }
            _ => {
                let bytes: Option<Vec<u8>> = row.try_get(at).map_err(unexpected)?;
                bytes.map_or(Cell::Null, Cell::Bytes)
            }
        })
    });
    cells.collect()
}

/// A column of many rows.
enum Array {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Array {
    fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Texts(texts) => texts,
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn by_column(verb: &'static str, table: &Table, rows: Vec<Cells>) -> StoreResult<Vec<Array>> {
    let mut columns: Vec<Array> = table
        .columns
        .iter()
        .map(|column| match array_of(column.kind) {
            "bigint[]" => Array::Numbers(Vec::new()),
            "text[]" => Array::Texts(Vec::new()),
            _ => Array::Bytes(Vec::new()),
        })
        .collect();
    for row in rows {
        if row.len() != columns.len() {
            let refusal = format!("a row of {} with {} cells", table.name, row.len());
            return Err(StoreError::unexpected(verb, refusal));
        }
        for (column, cell) in columns.iter_mut().zip(row) {
            match (column, cell) {
                (Array::Numbers(all), Cell::Null) => all.push(None),
                (Array::Numbers(all), Cell::Integer(number)) => all.push(Some(number)),
                (Array::Texts(all), Cell::Null) => all.push(None),
                (Array::Texts(all), Cell::Text(text)) => all.push(Some(rows::storable(&text))),
                (Array::Bytes(all), Cell::Null) => all.push(None),
                (Array::Bytes(all), Cell::Bytes(bytes)) => all.push(Some(bytes)),
                (_, cell) => {
                    let refusal = format!("a cell of {} is of another kind: {cell:?}", table.name);
                    return Err(StoreError::unexpected(verb, refusal));
                }
            }
        }
    }
    Ok(columns)
}
