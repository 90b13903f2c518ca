//! No column of either schema stays behind unseen.

use std::collections::BTreeSet;

use longshore::postgres::testing::TestDatabase;
use longshore_core::store::transfer::TABLES;

use crate::support::Home;

/// Tables that stay: what is of one database alone, and what is made of the others.
const STAYING_TABLES: [&str; 10] = [
    "instance",
    "counter",
    "lease",
    "change",
    "change_kept",
    "webhook_cursor",
    "closed",
    "job_label",
    "refinery_schema_history",
    "schema_history",
];
/// Columns that are made of others.
const STAYING_COLUMNS: [&str; 2] = ["job.labels", "log_chunk.claimed_at"];

/// Every column of the schema moves, or is on a list of what stays and why.
fn all_move(columns: impl IntoIterator<Item = (String, String)>) {
    let moving: BTreeSet<String> = TABLES
        .iter()
        .flat_map(|table| {
            let columns = table.columns.iter();
            columns.map(move |column| format!("{}.{}", table.name, column.name))
        })
        .collect();
    let found: BTreeSet<String> = columns
        .into_iter()
        .filter(|(table, _)| !STAYING_TABLES.contains(&table.as_str()))
        .map(|(table, column)| format!("{table}.{column}"))
        .filter(|column| !STAYING_COLUMNS.contains(&column.as_str()))
        .collect();
    assert_eq!(found, moving);
}

#[test]
fn no_column_of_a_file_is_forgotten() {
    let home = Home::new();
    home.ok(&["migrate"]);
    let connection = rusqlite::Connection::open(home.database()).expect("the file");
    let sql = "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
               WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let mut statement = connection.prepare(sql).expect("a statement");
    let columns = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    let columns: Result<Vec<(String, String)>, _> = columns.expect("rows").collect();
    let as_there = |(table, column): (String, String)| {
        // As they are called on PostgreSQL.
        let column = match column.strip_suffix("_micros") {
            Some("cpu") | None => column,
            Some(span) => span.to_owned(),
        };
        let column = if table == "log_chunk" && column == "at" {
            "stored_at".to_owned()
        } else {
            column
        };
        (table, column)
    };
    let mut columns: Vec<_> = columns.expect("rows").into_iter().map(as_there).collect();
    // There it is in the job's spec alone.
    columns.push(("waiting_deadline".to_owned(), "allowed".to_owned()));
    all_move(columns);
}

#[tokio::test]
async fn no_column_of_postgresql_is_forgotten() {
    let database = TestDatabase::create().await;
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_class AS c
               JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               WHERE c.relnamespace = 'longshore'::regnamespace AND c.relkind IN ('r', 'p')
                 AND NOT c.relispartition";
    let rows = database.client().await.query(sql, &[]).await.expect("rows");
    all_move(rows.iter().map(|row| (row.get(0), row.get(1))));
}
