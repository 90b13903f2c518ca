//! [`Transfer`]: closing the file, reading all of it in pages, and filling another.

use async_trait::async_trait;
use longshore_core::spec::Timeout;
use longshore_core::store::transfer::{
    Cell, Cells, Closing, Column, Counters, Kind, Table, Transfer,
};
use longshore_core::store::{StoreError, StoreResult, begin_noting, note_all_changes};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, ToSql, named_params, params_from_iter};

use crate::error::{Fault, Outcome};
use crate::rows::{count, micros, read_spec};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

/// What of each table a closed file refuses. New rows of whatever has a number: one that was given out
/// meanwhile would be another's where all of it goes. Signs of life of workers and hosts and the last uses of
/// tokens are no matter; of attempts and output nothing is written without a lease.
const REFUSED: &[(&str, &[&str])] = &[
    ("queue", ALL),
    ("template", ALL),
    ("worker", &["INSERT"]),
    ("host", &["INSERT"]),
    ("audit", &["INSERT"]),
    ("api_token", &["INSERT", "UPDATE OF revoked_at"]),
    ("webhook", ALL),
    // Those that were not noted yet are made; none is sent.
    ("delivery", &["UPDATE"]),
    ("job", ALL),
    ("lease", ALL),
    ("settled", ALL),
    ("scheduled", ALL),
    ("ready", ALL),
];
const ALL: &[&str] = &["INSERT", "UPDATE", "DELETE"];

#[async_trait]
impl Transfer for SqliteStore {
    async fn close_to_jobs(&self, why: &str) -> StoreResult<Closing> {
        const VERB: &str = "close the database";
        let why = why.to_owned();
        let close = move |tx: &Tx<'_>| {
            let leases: i64 = tx.one(sql!("close_to_jobs_leases"), [], |row| row.get(0))?;
            if leases > 0 {
                let leases = count(leases);
                return Ok(Closing::InUse { leases });
            }
            let params = named_params! { ":why": why, ":now": tx.now };
            tx.execute_one(sql!("close_to_jobs"), params)?;
            for (name, table, event) in triggers() {
                tx.connection().execute_batch(&format!(
                    "CREATE TRIGGER IF NOT EXISTS {name} BEFORE {event} ON {table}
                     WHEN (SELECT importing = 0 FROM closed)
                     BEGIN SELECT RAISE(ABORT, (SELECT why FROM closed)); END"
                ))?;
            }
            Ok(Closing::Closed)
        };
        self.engine.write(VERB, News::No, close).await
    }

    async fn reopen_to_jobs(&self) -> StoreResult<()> {
        const VERB: &str = "open the database again";
        let reopen = |tx: &Tx<'_>| {
            for (name, _, _) in triggers() {
                tx.connection()
                    .execute_batch(&format!("DROP TRIGGER IF EXISTS {name}"))?;
            }
            tx.execute(sql!("reopen_to_jobs"), []).map(drop)
        };
        self.engine.write(VERB, News::Yes, reopen).await
    }

    async fn note_rest(&self) -> StoreResult<()> {
        note_all_changes(self).await
    }

    async fn begin_noting(&self) -> StoreResult<()> {
        begin_noting(self).await
    }

    async fn closed_to_jobs(&self) -> StoreResult<Option<String>> {
        const VERB: &str = "look whether the database is closed";
        let look = |tx: &Tx<'_>| tx.maybe(sql!("closed_to_jobs"), [], |row| row.get(0));
        self.engine.read(VERB, look).await
    }

    async fn is_untouched(&self) -> StoreResult<bool> {
        const VERB: &str = "look whether the database is empty";
        let look = |tx: &Tx<'_>| tx.one(sql!("is_untouched"), [], |row| row.get(0));
        self.engine.read(VERB, look).await
    }

    async fn export_rows(
        &self,
        table: &'static Table,
        after: Option<Cells>,
        limit: u32,
    ) -> StoreResult<Vec<Cells>> {
        const VERB: &str = "export rows";
        let export = move |tx: &Tx<'_>| export(tx, table, after, limit);
        self.engine.read(VERB, export).await
    }

    async fn import_rows(&self, table: &'static Table, rows: Vec<Cells>) -> StoreResult<()> {
        const VERB: &str = "import rows";
        let import = move |tx: &Tx<'_>| import(tx, table, &rows);
        self.engine.write(VERB, News::No, import).await
    }

    async fn count_rows(&self, table: &'static Table) -> StoreResult<u64> {
        const VERB: &str = "count rows";
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let read = move |tx: &Tx<'_>| tx.one(&sql, [], |row| row.get(0).map(count));
        self.engine.read(VERB, read).await
    }

    async fn export_counters(&self) -> StoreResult<Counters> {
        const VERB: &str = "export counters";
        let export = |tx: &Tx<'_>| {
            tx.one(sql!("export_counters"), [], |row| {
                Ok(Counters {
                    job: row.get("job_id")?,
                    ready_seq: row.get("ready_seq")?,
                    lease_token: row.get("lease_token")?,
                    lease_slot: row.get("lease_slot")?,
                    queue: row.get("queue")?,
                    worker: row.get("worker")?,
                    host: row.get("host")?,
                    api_token: row.get("api_token")?,
                    audit: row.get("audit")?,
                    webhook: row.get("webhook")?,
                    delivery: row.get("delivery")?,
                })
            })
        };
        self.engine.read(VERB, export).await
    }

    async fn import_counters(&self, counters: Counters) -> StoreResult<()> {
        const VERB: &str = "import counters";
        let import = move |tx: &Tx<'_>| {
            tx.execute_one(
                sql!("import_counters"),
                named_params! {
                    ":job_id": counters.job,
                    ":ready_seq": counters.ready_seq,
                    ":lease_token": counters.lease_token,
                    ":lease_slot": counters.lease_slot,
                },
            )?;
            for (table, last) in [
                ("queue", counters.queue),
                ("worker", counters.worker),
                ("host", counters.host),
                ("api_token", counters.api_token),
                ("audit", counters.audit),
                ("webhook", counters.webhook),
                ("delivery", counters.delivery),
            ] {
                let params = named_params! { ":table": table, ":last": last };
                if tx.execute(sql!("import_counters_raise"), params)? == 0 {
                    tx.execute_one(sql!("import_counters_begin"), params)?;
                }
            }
            Ok(())
        };
        self.engine.write(VERB, News::No, import).await
    }
}

/// Name, table and event of each trigger.
fn triggers() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    REFUSED.iter().flat_map(|(table, events)| {
        events.iter().map(move |event| {
            let verb = event.split(' ').next().unwrap_or(event).to_lowercase();
            (format!("closed_{table}_{verb}"), *table, *event)
        })
    })
}

/// What a column is called here.
fn name_of(column: &Column) -> String {
    match (column.kind, column.name) {
        (_, "stored_at") => "at".to_owned(),
        (Kind::Span, name) => format!("{name}_micros"),
        (_, name) => name.to_owned(),
    }
}

/// How long a job may wait is in its spec alone.
fn is_of_the_spec(column: &Column) -> bool {
    column.name == "allowed"
}

fn export(tx: &Tx<'_>, table: &Table, after: Option<Cells>, limit: u32) -> Outcome<Vec<Cells>> {
    let selected: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            if is_of_the_spec(column) {
                "(SELECT j.spec FROM job AS j WHERE j.id = job_id)".to_owned()
            } else {
                name_of(column)
            }
        })
        .collect();
    let key = selected[..table.key].join(", ");
    let behind = after.as_ref().map_or_else(String::new, |_| {
        let marks = vec!["?"; table.key].join(", ");
        format!("WHERE ({key}) > ({marks})")
    });
    let sql = format!(
        "SELECT {} FROM {} {behind} ORDER BY {key} LIMIT {limit}",
        selected.join(", "),
        table.name
    );
    let after = after.unwrap_or_default();
    let params = params_from_iter(after.iter().take(table.key).map(Parameter));
    let rows = tx.all(&sql, params, |row| cells_of(table, row))?;
    rows.into_iter().map(|row| with_waits(table, row)).collect()
}

fn cells_of(table: &Table, row: &Row<'_>) -> rusqlite::Result<Cells> {
    (0..table.columns.len())
        .map(|at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Text(_) => Cell::Text(row.get(at)?),
                ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Bytes(row.get(at)?),
            })
        })
        .collect()
}

/// The same row, with the time that a job may wait in place of its spec.
fn with_waits(table: &Table, mut row: Cells) -> Outcome<Cells> {
    for (column, cell) in table.columns.iter().zip(&mut row) {
        if let (true, Cell::Text(spec)) = (is_of_the_spec(column), &*cell) {
            let spec = read_spec(spec, None).map_err(Fault::Damaged)?;
            let allowed = spec.queue_timeout.and_then(Timeout::limit);
            *cell = allowed.map_or(Cell::Null, |allowed| Cell::Integer(micros(allowed)));
        }
    }
    Ok(row)
}

fn import(tx: &Tx<'_>, table: &Table, rows: &[Cells]) -> Outcome<()> {
    tx.execute_one(sql!("import_rows_begin"), [])?;
    let kept: Vec<usize> = (0..table.columns.len())
        .filter(|at| !is_of_the_spec(&table.columns[*at]))
        .collect();
    let names: Vec<String> = kept.iter().map(|at| name_of(&table.columns[*at])).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let key = names[..table.key].join(", ");
    // Migrating makes two queues, which may have been changed where these come from.
    let otherwise = if table.name == "queue" {
        let set: Vec<_> = names
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!("ON CONFLICT ({key}) DO UPDATE SET {}", set.join(", "))
    } else {
        format!("ON CONFLICT ({key}) DO NOTHING")
    };
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({marks}) {otherwise}",
        table.name,
        names.join(", ")
    );
    for row in rows {
        if row.len() != table.columns.len() {
            let refusal = format!("a row of {} with {} cells", table.name, row.len());
            return Err(StoreError::unexpected("import rows", refusal).into());
        }
        let params = params_from_iter(kept.iter().map(|at| Parameter(&row[*at])));
        tx.execute(&sql, params)?;
        if table.name == "job" {
            let params = named_params! { ":job": Parameter(&row[0]) };
            tx.execute(sql!("import_rows_labels"), params)?;
        }
    }
    tx.execute_one(sql!("import_rows_end"), [])
}

/// A cell as a parameter.
struct Parameter<'a>(&'a Cell);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Cell::Null => ToSqlOutput::Owned(Value::Null),
            Cell::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Cell::Text(text) => text.as_str().into(),
            Cell::Bytes(bytes) => bytes.as_slice().into(),
        })
    }
}
