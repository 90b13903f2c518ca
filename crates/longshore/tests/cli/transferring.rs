//! Moving everything to another database, and what is refused meanwhile and after it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use longshore::postgres::PostgresStore;
use longshore::postgres::testing::TestDatabase;
use longshore::queue::transfer::{Notes, TransferError, transfer};
use longshore::sqlite::SqliteStore;
use longshore::{JobSpec, StoreError};
use longshore_core::access::AuditNote;
use longshore_core::store::Upkeep as _;
use longshore_core::store::transfer::{Cells, Closing, Counters, TABLES, Table, Transfer};
use longshore_core::store::{Access as _, Store as _, StoreResult, Submissions as _};
use tokio::runtime::Runtime;

use crate::support::Home;

/// A home in whose database there is something of everything that moves.
fn full_home() -> Home {
    let home = Home::new();
    home.ok(&[
        "queue",
        "create",
        "nightly",
        "--executor",
        "process",
        "--max-concurrent",
        "2",
    ]);
    home.ok(&["queue", "set", "nightly", "--ageing", "1h"]);
    home.ok(&["queue", "limit", "local", "7"]);
    home.file("vars.env", "WHO=you\n");
    home.ok(&["template", "save", "greeting", "vars.env"]);
    home.ok(&["token", "create", "--role", "reader", "ci"]);
    let submit = |args: &[&str]| home.submit(args);
    submit(&[
        "--name",
        "said",
        "--label",
        "team=search",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2",
    ]);
    submit(&["--", "sh", "-c", "exit 3"]);
    submit(&["--", "sh", "-c", r"printf '\377\000bytes'"]);
    home.ok(&["worker", "--until-empty"]);
    home.ok(&["retry", "2"]);
    submit(&[
        "--queue",
        "nightly",
        "--priority",
        "high",
        "--idempotency-key",
        "once",
        "--",
        "true",
    ]);
    submit(&["--queue", "nightly", "--queue-timeout", "1h", "--", "true"]);
    submit(&["--hold", "--", "true"]);
    submit(&["--at", "2099-01-01T00:00:00Z", "--", "true"]);
    submit(&["--", "true"]);
    home.ok(&["cancel", "last", "--yes"]);
    home
}

async fn open(home: &Home) -> SqliteStore {
    let opened = SqliteStore::open(home.database(), longshore::sqlite::Options::default()).await;
    opened.expect("the home's database")
}

async fn connect(database: &TestDatabase) -> PostgresStore {
    database.store().await.expect("the test's database")
}

fn notes() -> Notes {
    Notes {
        left: "they moved on".to_owned(),
        coming: "they are coming".to_owned(),
    }
}

/// All that moves, as it is read.
async fn contents(store: &dyn Transfer) -> Vec<(&'static str, Vec<Cells>)> {
    let mut contents = Vec::new();
    for table in TABLES {
        let rows = store.export_rows(table, None, 100_000).await;
        contents.push((table.name, rows.expect("rows")));
    }
    contents
}

/// What was not the case in one store, and is in another.
fn normal(mut contents: Vec<(&'static str, Vec<Cells>)>) -> Vec<(&'static str, Vec<Cells>)> {
    for (name, rows) in &mut contents {
        for row in rows {
            for cell in row {
                // Documents keep their meaning, not their spelling.
                if let longshore_core::store::transfer::Cell::Text(text) = cell
                    && let Ok(value) = serde_json::from_str::<serde_json::Value>(text)
                    && (value.is_object() || value.is_array())
                {
                    *text = value.to_string();
                }
            }
        }
        assert!(!name.is_empty());
    }
    contents
}

async fn move_it(from: &dyn Transfer, to: &dyn Transfer) -> Result<(), TransferError> {
    transfer(from, to, &notes(), |_, _| ()).await.map(drop)
}

#[test]
fn everything_gets_from_a_file_to_postgresql_and_back_as_it_was() {
    let home = full_home();
    let runtime = Runtime::new().expect("a runtime can be had");
    runtime.block_on(async {
        let from = open(&home).await;
        let note = AuditNote {
            who: "ci".to_owned(),
            token: None,
            address: "127.0.0.1".to_owned(),
            action: "submit".to_owned(),
            subject: "jobs".to_owned(),
            status: 201,
        };
        from.note_audit(&[note]).await.expect("a line");
        let before = normal(contents(&from).await);
        let left_out: Vec<_> = before
            .iter()
            .filter(|(_, rows)| rows.is_empty())
            .map(|(name, _)| *name)
            .collect();
        // Marks are made by workers' passes, and jobs move up after them.
        assert_eq!(
            left_out,
            ["aged", "ageing_mark"],
            "there is something of everything"
        );

        let database = TestDatabase::create().await;
        let middle = connect(&database).await;
        move_it(&from, &middle).await.expect("it moves");
        assert_eq!(normal(contents(&middle).await), before);
        assert_eq!(middle.audit().await.expect("audit"), Vec::<String>::new());
        assert_eq!(from.audit().await.expect("audit"), Vec::<String>::new());
        let counters = from.export_counters().await.expect("counters");
        assert_eq!(middle.export_counters().await.expect("counters"), counters);

        let other = Home::new();
        let to = open(&other).await;
        move_it(&middle, &to).await.expect("it moves on");
        assert_eq!(normal(contents(&to).await), before);
        assert_eq!(to.audit().await.expect("audit"), Vec::<String>::new());
        assert_eq!(to.export_counters().await.expect("counters"), counters);

        // Labels are found, the key is taken, numbers go on, and what is left of the work is done.
        let next = to
            .submit(&[JobSpec::process(["true"]).validate().expect("valid")])
            .await;
        assert_eq!(next.expect("it is open")[0].job.0, counters.job + 1);
        to.close().await;
        assert!(
            other
                .ok(&["list", "--label", "team=search"])
                .contains("said")
        );
        assert_eq!(other.ok(&["logs", "1", "--stdout"]), "out\n");
        let again = [
            "submit",
            "--queue",
            "nightly",
            "--idempotency-key",
            "once",
            "--priority",
            "high",
            "--",
            "true",
        ];
        assert_eq!(other.ok(&again).trim(), "4");
        other.ok(&["worker", "--once"]);
        assert_eq!(other.state("4"), "completed");
        assert_eq!(other.state("2"), "failed");
        assert_eq!(other.state("7"), "queued");
        from.close().await;
        middle.close().await;
        drop(database);
    });
}

/// A database that goes away after so many calls that write.
struct Frail<'a> {
    whole: &'a dyn Transfer,
    left: AtomicU32,
}

impl Frail<'_> {
    fn spend(&self) -> StoreResult<()> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            // Not one that passes with time: those are waited for.
            return Err(StoreError::BadAddress("gone".to_owned()));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl Transfer for Frail<'_> {
    async fn close_to_jobs(&self, why: &str) -> StoreResult<Closing> {
        self.spend()?;
        self.whole.close_to_jobs(why).await
    }

    async fn reopen_to_jobs(&self) -> StoreResult<()> {
        self.spend()?;
        self.whole.reopen_to_jobs().await
    }

    async fn closed_to_jobs(&self) -> StoreResult<Option<String>> {
        self.whole.closed_to_jobs().await
    }

    async fn is_untouched(&self) -> StoreResult<bool> {
        self.whole.is_untouched().await
    }

    async fn export_rows(
        &self,
        table: &'static Table,
        after: Option<Cells>,
        limit: u32,
    ) -> StoreResult<Vec<Cells>> {
        // Pages of two rows, so that there are more points to be cut off at.
        self.whole.export_rows(table, after, limit.min(2)).await
    }

    async fn import_rows(&self, table: &'static Table, rows: Vec<Cells>) -> StoreResult<()> {
        self.spend()?;
        self.whole.import_rows(table, rows).await
    }

    async fn count_rows(&self, table: &'static Table) -> StoreResult<u64> {
        self.whole.count_rows(table).await
    }

    async fn export_counters(&self) -> StoreResult<Counters> {
        self.whole.export_counters().await
    }

    async fn import_counters(&self, counters: Counters) -> StoreResult<()> {
        self.spend()?;
        self.whole.import_counters(counters).await
    }
}

/// Cut off after each call that writes, in turn, and asked for again, until it gets to its end.
async fn cut_off_everywhere(from: &dyn Transfer, to: &dyn Transfer) {
    let before = contents(from).await;
    let mut cuts = 0;
    loop {
        let frail = |whole| Frail {
            whole,
            left: AtomicU32::new(cuts),
        };
        let (source, target) = (frail(from), frail(to));
        match move_it(&source, &target).await {
            Ok(()) => break,
            Err(TransferError::Store(_)) => cuts += 1,
            Err(other) => panic!("after {cuts} calls: {other:?}"),
        }
        assert!(cuts < 200, "it never gets to its end");
    }
    assert!(cuts > 10, "it was cut off {cuts} times only");
    assert_eq!(normal(contents(to).await), normal(before));
    let closed = [from.closed_to_jobs().await, to.closed_to_jobs().await];
    let closed = closed.map(|why| why.expect("it answers"));
    assert_eq!(closed, [Some("they moved on".to_owned()), None]);
}

#[test]
fn a_transfer_that_is_cut_off_anywhere_goes_on() {
    let home = full_home();
    let runtime = Runtime::new().expect("a runtime can be had");
    runtime.block_on(async {
        let from = open(&home).await;
        let database = TestDatabase::create().await;
        let middle = connect(&database).await;
        cut_off_everywhere(&from, &middle).await;
        let other = Home::new();
        let to = open(&other).await;
        cut_off_everywhere(&middle, &to).await;
        for store in [&to as &dyn longshore::Store, &middle, &from] {
            assert_eq!(store.audit().await.expect("audit"), Vec::<String>::new());
            store.close().await;
        }
        drop(database);
    });
}

/// Until it is opened again, nothing that would change a job is done; all of it can be read.
fn refuses_jobs(home: &Home, why: &str) {
    for command in [
        &["submit", "--", "true"][..],
        &["cancel", "4", "--yes"],
        &["priority", "low", "4"],
        &["release", "6"],
        &["hold", "4"],
        &["queue", "limit", "nightly", "9"],
        &["queue", "create", "new"],
        &["token", "create", "--role", "reader", "other"],
        &["token", "revoke", "ci"],
        &["template", "save", "other", "vars.env"],
        &["worker", "--once"],
        &["prune", "--older-than", "0s", "--yes"],
    ] {
        let ran = home.run(command);
        // A worker is refused at whatever it does first: for the system's sake, or its own.
        let codes: &[i32] = if command[0] == "worker" {
            &[1, 3]
        } else {
            &[1]
        };
        assert!(codes.contains(&ran.code), "{command:?}: {}", ran.report());
        assert!(ran.stderr.contains(why), "{command:?}: {}", ran.report());
    }
    home.ok(&["show", "4"]);
    home.ok(&["list"]);
    home.ok(&["logs", "1"]);
    let seen = home.run(&["doctor"]);
    assert!(seen.stdout.contains(why), "{}", seen.report());
}

#[test]
fn the_old_database_stays_closed_and_says_where_its_jobs_are() {
    let home = full_home();
    let database = {
        let runtime = Runtime::new().expect("a runtime can be had");
        let database = runtime.block_on(TestDatabase::create_empty());
        (runtime, database)
    };
    let _entered = database.0.enter();
    let url = database.1.url();
    let said = home.ok(&["transfer", "--to", &url]);
    assert!(said.contains("job               8"), "{said}");
    refuses_jobs(&home, "the jobs of this database moved to postgres://");
    // On the new one all is well, and there is nothing more to be moved.
    assert_eq!(
        home.ok(&["--database", &url, "submit", "--", "true"])
            .trim(),
        "9"
    );
    home.ok(&["--database", &url, "worker", "--once"]);
    let ran = home.run(&["transfer", "--to", &url]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(ran.stderr.contains("is not empty"), "{}", ran.report());
    // And back, which is for people who know that nothing happened elsewhere.
    home.ok(&["transfer", "--reopen"]);
    home.ok(&["worker", "--once"]);
    assert_eq!(home.state("4"), "completed");

    let other = Home::new();
    let back = format!("sqlite:{}", other.database().display());
    home.ok(&["--database", &url, "transfer", "--to", &back]);
    let config = format!("database = {url:?}\n");
    home.file(".config/longshore/config.toml", &config);
    refuses_jobs(&home, "the jobs of this database moved to sqlite:");
}

#[test]
fn a_database_with_live_jobs_is_left_as_it_is() {
    let home = Home::new();
    home.submit(&["--", "sh", "-c", "until [ -e go ]; do sleep 0.05; done"]);
    let worker = home.spawn(&["worker", "--until-empty"]);
    home.wait_for_state("1", "running");
    let other = Home::new();
    let to = format!("sqlite:{}", other.database().display());
    let ran = home.run(&["transfer", "--to", &to]);
    assert_eq!(ran.code, 1, "{}", ran.report());
    assert!(
        ran.stderr.contains("1 jobs are launching or running"),
        "{}",
        ran.report()
    );
    // Neither is closed.
    home.submit(&["--", "true"]);
    other.submit(&["--", "true"]);
    home.file("go", "");
    let ended = worker.finish();
    assert_eq!(ended.code, 0, "{}", ended.report());
    assert_eq!(home.state("2"), "completed");
}

/// Tables that stay: what is of one database alone, and what is made of the others.
const STAYING_TABLES: [&str; 9] = [
    "instance",
    "counter",
    "lease",
    "change",
    "change_kept",
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
