//! A backlog of a million waiting jobs costs an acquisition no more than one of a few thousand.

use std::time::{Duration, Instant};

use crate::support::{Folder, beside, open};
use longshore_core::State;
use longshore_core::store::{JobFilter, Reading, Store};
use rusqlite::{Connection, StatementStatus, ToSql};

const BATCH: i64 = 100;

/// Steps of SQLite's virtual machine that one job may cost a statement. A loop over an index takes
/// about 20 for each of its rows, and ends after the batch.
const STEPS_PER_JOB: i32 = 40;

macro_rules! statement {
    ($name:literal) => {
        (
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql")),
        )
    };
}

type Params<'p> = &'p [(&'p str, &'p dyn ToSql)];

/// What every acquisition runs, and what people see most: with a batch, or a page, of 100.
fn statements() -> Vec<((&'static str, &'static str), Params<'static>)> {
    let page: Params<'_> = &[(":before", &i64::MAX), (":count", &BATCH)];
    vec![
        (
            statement!("acquire_worthwhile"),
            &[(":queue", &1), (":now", &1)],
        ),
        (statement!("acquire_limits"), &[(":queue", &1)]),
        (
            statement!("acquire_live"),
            &[(":queue", &1), (":reach", &BATCH)],
        ),
        (
            statement!("stage_due"),
            &[(":queue", &1), (":now", &1), (":limit", &BATCH)],
        ),
        (
            statement!("acquire_first"),
            &[(":queue", &1), (":count", &BATCH)],
        ),
        (
            statement!("acquire_take"),
            &[(":queue", &1), (":lane", &101), (":seq", &(LIVE + BATCH))],
        ),
        (statement!("place_of"), &[(":job", &1500)]),
        (statement!("list_jobs"), page),
        (statement!("list_jobs_pending"), page),
        (statement!("list_jobs_queued"), page),
        (statement!("list_jobs_retrying"), page),
        (statement!("list_jobs_running"), page),
        (
            statement!("list_jobs_labelled"),
            &[
                (":key", &"team"),
                (":value", &"a"),
                (":labels", &r#"{"team":"a"}"#),
                (":before", &i64::MAX),
                (":count", &BATCH),
            ],
        ),
        (
            statement!("list_jobs_fits"),
            &[
                (":job", &1500),
                (":queue", &1),
                (":labels", &r#"{"team":"a"}"#),
                (":search", &"some"),
                (":exit_code", &1),
            ],
        ),
        (
            statement!("prune_output"),
            &[(":job", &1), (":limit", &BATCH)],
        ),
        (
            statement!("list_jobs_settled"),
            &[
                (":state", &"failed"),
                (":before", &i64::MAX),
                (":count", &BATCH),
            ],
        ),
        (
            statement!("queue_stats_oldest"),
            &[(":queue", &1), (":now", &1)],
        ),
        (
            statement!("age_waiting_old"),
            &[(":queue", &1), (":before", &1)],
        ),
        (
            statement!("age_waiting_next_lane"),
            &[(":queue", &1), (":lane", &1)],
        ),
        (
            statement!("age_waiting_due"),
            &[
                (":queue", &1),
                (":lane", &101),
                (":old", &i64::MAX),
                (":limit", &BATCH),
            ],
        ),
        (
            statement!("prune_candidates"),
            &[(":before", &2), (":batch", &BATCH)],
        ),
        (
            statement!("expire_waiting"),
            &[(":now", &1), (":limit", &BATCH)],
        ),
    ]
}

/// Jobs that run: the oldest of all, so that a list finds them last.
const LIVE: i64 = 1000;

/// A database with as many jobs in line, each with a label and each past its time to wait, and
/// [`LIVE`] before them; a tenth as many due later and a tenth ended.
async fn with_backlog(folder: &Folder, waiting: i64) -> Connection {
    open(&folder.file()).await.close().await;
    let connection = beside(&folder.file());
    connection
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
        .expect("faster, for once");
    let rows = format!(
        "BEGIN;
        CREATE TEMP TABLE number AS
            WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {waiting})
            SELECT n FROM n;
        INSERT INTO job (id, created_at, queue_id, priority, spec)
            SELECT n, 1, 1, 50, '{{}}' FROM number;
        INSERT INTO job_label (key, value, job_id) SELECT 'team', 'a', n FROM number;
        INSERT INTO lease (job_id, token, slot, worker_id, acquire_no, claimed_at, started_at,
                queue_id, attempt, lane, tries, losses)
            SELECT n, n, n, 1, 1, 1, 1, 1, 1, 101, 0, 0 FROM number WHERE n <= {LIVE};
        INSERT INTO ready (queue_id, lane, seq, job_id, attempt, tries, losses, reason)
            SELECT 1, 101, n, n, 0, 0, 0, 'new' FROM number WHERE n > {LIVE};
        INSERT INTO waiting_deadline (job_id, expires_at)
            SELECT n, 1 FROM number WHERE n > {LIVE};
        INSERT INTO scheduled (job_id, due_at, queue_id, lane, attempt, tries, losses, reason)
            SELECT 10000000 + n, 1000 + n, 1, 101, 0, 0, 0, 'delayed' FROM number
            WHERE n % 10 = 0;
        INSERT INTO settled (job_id, at, queue_id, attempt, state)
            SELECT 20000000 + n, n, 1, 1, CASE n % 30 WHEN 0 THEN 'failed' ELSE 'completed' END
            FROM number WHERE n % 10 = 0;
        COMMIT;"
    );
    connection.execute_batch(&rows).expect("a backlog");
    connection
}

/// How many steps a statement takes to its end.
fn steps(connection: &Connection, sql: &str, params: Params<'_>) -> i32 {
    let mut statement = connection.prepare(sql).expect("it prepares");
    let mut rows = statement.query(params).expect("it runs");
    while rows.next().expect("it goes on").is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

fn plan(connection: &Connection, sql: &str, params: Params<'_>) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .expect("it prepares");
    let rows = statement
        .query_map(params, |row| row.get("detail"))
        .expect("it runs");
    rows.map(|row| row.expect("a line")).collect()
}

/// Asserts that each statement goes by an index, and costs the same on both.
fn assert_costs_the_same(small: &Connection, large: &Connection, about: &str) {
    for ((name, sql), params) in statements() {
        let plan = plan(large, sql, params);
        let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE"));
        assert!(!sorts, "{name} sorts what it reads ({about}): {plan:#?}");
        large.execute_batch("SAVEPOINT look").expect("savepoint");
        small.execute_batch("SAVEPOINT look").expect("savepoint");
        let few = steps(small, sql, params);
        let many = steps(large, sql, params);
        small
            .execute_batch("ROLLBACK TO look; RELEASE look")
            .expect("back");
        large
            .execute_batch("ROLLBACK TO look; RELEASE look")
            .expect("back");
        let bound = STEPS_PER_JOB * i32::try_from(BATCH).expect("small");
        assert!(
            many <= bound,
            "{name} takes {many} steps at a million, and {few} at three thousand ({about}): {plan:#?}"
        );
        assert!(
            many <= few * 2 + 100,
            "{name} takes {many} steps at a million, and {few} at three thousand ({about}): {plan:#?}"
        );
    }
}

#[tokio::test]
async fn a_million_waiting_jobs_cost_an_acquisition_what_a_few_thousand_do() {
    let folders = [Folder::new(), Folder::new()];
    let small = with_backlog(&folders[0], 3_000).await;
    let large = with_backlog(&folders[1], 1_000_000).await;
    assert_costs_the_same(&small, &large, "without statistics");
    for connection in [&small, &large] {
        connection.execute_batch("ANALYZE").expect("statistics");
    }
    assert_costs_the_same(&small, &large, "with statistics");
    assert_finds_what_is_rare(&folders[1]).await;
}

/// Asserts that a list finds a few jobs by their state though a million have their label, and a few
/// by their label though a million are in their state.
async fn assert_finds_what_is_rare(folder: &Folder) {
    let beside = beside(&folder.file());
    beside
        .execute("INSERT INTO job_label VALUES ('rare', 'yes', 2000)", [])
        .expect("a label");
    let store = open(&folder.file()).await;
    for (state, label, found) in [
        (State::Running, ("team", "a"), 100),
        (State::Queued, ("rare", "yes"), 1),
    ] {
        let filter = JobFilter {
            states: vec![state],
            labels: [(label.0.to_owned(), label.1.to_owned())].into(),
            limit: 100,
            ..JobFilter::default()
        };
        let asked = Instant::now();
        let page = store.list_jobs(&filter).await.expect("a page");
        assert_eq!(page.jobs.len(), found, "{state} jobs labelled {label:?}");
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(1), "{label:?} took {took:?}");
    }
    store.close().await;
}
