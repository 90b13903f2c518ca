//! Moving everything to another database, and what is refused meanwhile and after it.

mod closed;
mod columns;
mod cut_off;

use longshore::JobSpec;
use longshore::postgres::PostgresStore;
use longshore::postgres::testing::TestDatabase;
use longshore::queue::transfer::{Notes, TransferError, transfer};
use longshore::sqlite::SqliteStore;
use longshore_core::access::AuditNote;
use longshore_core::store::transfer::{Cell, Cells, TABLES, Transfer};
use longshore_core::store::{
    Access as _, Store as _, Submissions as _, Upkeep as _, Webhooks as _, note_all_changes,
};
use serde_json::Value;
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
    let hook = "https://ci.example/hook";
    home.ok(&["webhook", "create", "ci", hook, "--state", "queued"]);
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
    // No attempt here runs for long enough to be measured.
    let file = rusqlite::Connection::open(home.database()).expect("the file");
    let measured =
        "INSERT INTO attempt_usage VALUES (1, 1, '[[5000,10000,1048576],[10000,null,2]]')";
    file.execute(measured, []).expect("it is written");
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

/// The same with documents as they mean, not as a store spells them.
fn normal(contents: Vec<(&'static str, Vec<Cells>)>) -> Vec<(&'static str, Vec<Cells>)> {
    let cell = |cell: Cell| match cell {
        Cell::Text(text) => match serde_json::from_str::<Value>(&text) {
            Ok(value) if value.is_object() || value.is_array() => Cell::Text(value.to_string()),
            Ok(_) | Err(_) => Cell::Text(text),
        },
        other => other,
    };
    let row = |row: Cells| row.into_iter().map(cell).collect();
    let table =
        |(name, rows): (&'static str, Vec<Cells>)| (name, rows.into_iter().map(row).collect());
    contents.into_iter().map(table).collect()
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
        note_all_changes(&from).await.expect("deliveries");
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
        // Webhooks are told of what comes now, though no server has run here, and not again of what came along.
        note_all_changes(&to).await.expect("deliveries");
        let told = to.deliveries(None, None, None, 1000).await;
        let told: Vec<i64> = told.expect("a list").iter().map(|d| d.job.0).collect();
        let before = before.iter().find(|(table, _)| *table == "delivery");
        assert_eq!(
            told.len(),
            before.expect("it moves").1.len() + 1,
            "{told:?}"
        );
        assert_eq!(told[0], counters.job + 1);
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
