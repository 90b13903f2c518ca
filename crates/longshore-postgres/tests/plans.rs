//! What an acquisition reads: with a million jobs waiting, with many priorities, and with dead
//! entries that a pinned snapshot keeps.

mod scene;

use longshore_core::store::{LeaseKey, Store, Upkeep};
use longshore_postgres::testing::{Remembered, TestClient};
use scene::{Scene, complete, scene};

/// What one call read.
#[derive(Debug)]
struct Cost {
    /// Rows that scans of `ready`, `scheduled`, `lease` and `job` fetched.
    rows: i64,
    /// Of these, by sequential scans.
    by_seq_scan: i64,
    /// Pages, from wherever.
    pages: u64,
}

/// Acquires `want` jobs with what is remembered, in a transaction that is then rolled back.
async fn cost(client: &TestClient, scene: &Scene, want: i32, known: &Remembered) -> Cost {
    let lanes: Vec<i16> = known.segments.iter().map(|segment| segment.0).collect();
    let seqs: Vec<i64> = known.segments.iter().map(|segment| segment.1).collect();
    let next: Vec<i16> = known.segments.iter().map(|segment| segment.2).collect();
    let live = known.live.clone();
    let epoch = live.as_ref().map(|live| live.0);
    let slots = live.as_ref().map(|live| live.1.clone());
    let above = live.as_ref().map(|live| live.2);
    client.batch_execute("BEGIN").await.expect("begin");
    let before = rows_read(client).await;
    let explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
        SELECT * FROM acquire($1, $2, 1, 1, NULL, $3, $4, $5, $6, $7, $8, $9)";
    let row = client
        .query_one(
            explain,
            &[
                &scene.queue.0,
                &want,
                &known.server,
                &epoch,
                &slots,
                &above,
                &lanes,
                &seqs,
                &next,
            ],
        )
        .await
        .expect("a plan");
    let plan: serde_json::Value = row.get(0);
    let pages = |name: &str| plan[0]["Plan"][name].as_u64().expect("buffers are shown");
    let after = rows_read(client).await;
    client.batch_execute("ROLLBACK").await.expect("rollback");
    Cost {
        rows: after.0 + after.1 - before.0 - before.1,
        by_seq_scan: after.0 - before.0,
        pages: pages("Shared Hit Blocks") + pages("Shared Read Blocks"),
    }
}

/// Rows that this session read in the hot tables, since some moment: by sequential scans, by index.
async fn rows_read(client: &TestClient) -> (i64, i64) {
    let read = "SELECT sum(seq_tup_read)::bigint, sum(idx_tup_fetch)::bigint
                FROM pg_stat_xact_user_tables
                WHERE relname IN ('ready', 'scheduled', 'lease', 'job')";
    let row = client.query_one(read, &[]).await.expect("statistics");
    (row.get(0), row.get(1))
}

fn nothing_known() -> Remembered {
    Remembered {
        server: None,
        segments: vec![(0, -1, 202)],
        live: None,
    }
}

/// Enters jobs in bulk; their priorities go round `priorities`.
async fn enter(client: &TestClient, scene: &Scene, jobs: i32, priorities: i32) {
    let fill = format!(
        "INSERT INTO job (id, queue_id, priority, spec)
         SELECT nextval('job_id'), {queue}, n % {priorities}, '{{\"command\": [\"true\"]}}'
         FROM generate_series(1, {jobs}) AS n;
         INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
         SELECT nextval('ready_seq'), id, queue_id, 0, 'new', 2 * (100 - priority) + 1, 0, 0
         FROM (SELECT * FROM job ORDER BY id) AS job;
         ANALYZE",
        queue = scene.queue.0,
    );
    client.batch_execute(&fill).await.expect("jobs");
}

/// Enters more jobs, all of one priority.
async fn enter_more(client: &TestClient, scene: &Scene, jobs: i32, priority: i32) {
    let fill = format!(
        "WITH more AS (
             INSERT INTO job (id, queue_id, priority, spec)
             SELECT nextval('job_id'), {queue}, {priority}, '{{\"command\": [\"true\"]}}'
             FROM generate_series(1, {jobs}) RETURNING id)
         INSERT INTO ready (seq, job_id, queue_id, attempt, reason, lane, tries, losses)
         SELECT nextval('ready_seq'), id, {queue}, 0, 'new', 2 * (100 - {priority}) + 1, 0, 0 FROM more;
         ANALYZE",
        queue = scene.queue.0,
    );
    client.batch_execute(&fill).await.expect("jobs");
}

#[tokio::test]
async fn acquiring_from_a_million_jobs_reads_a_small_multiple_of_what_it_takes() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    enter(&client, &scene, 1_000_000, 101).await;
    scene.look(1).await;
    let remembered = scene.store.remembered(scene.queue);
    assert_eq!(
        remembered.segments.len(),
        102,
        "one per priority, and what lies before them"
    );
    for limit in [None, Some(100_000)] {
        scene.set_limit(limit).await;
        for want in [1, 100, 1000] {
            for known in [&nothing_known(), &remembered] {
                let cost = cost(&client, &scene, want, known).await;
                assert_eq!(cost.by_seq_scan, 0, "{limit:?} {want} {cost:?}");
                // Each row once in ready (index and by its place), once in job, and little else.
                let rows = i64::from(want) * 3 + 10;
                assert!(cost.rows <= rows, "{limit:?} {want} {cost:?}");
                // Descents of four indexes per row taken, and some pages to begin with: a session's
                // first look at each table and function, the parts of the feed of changes among them.
                let pages = u64::try_from(want).expect("small") * 30 + 1000;
                assert!(cost.pages <= pages, "{limit:?} {want} {cost:?}");
            }
        }
    }
    scene.store.close().await;
}

/// Ages the queue's jobs, in a transaction that is then rolled back: rows read, by sequential scans and
/// in all, and how many moved.
async fn cost_of_ageing(client: &TestClient, scene: &Scene, limit: i32) -> (i64, i64, i64) {
    client.batch_execute("BEGIN").await.expect("begin");
    let before = rows_read(client).await;
    let age = "SELECT coalesce(cardinality(job_ids), 0)::bigint FROM age($1, $2, NULL, '{0}', '{-1}', '{202}')";
    let moved = client.query_one(age, &[&scene.queue.0, &limit]).await;
    let after = rows_read(client).await;
    client.batch_execute("ROLLBACK").await.expect("rollback");
    let read = (after.0 - before.0, after.0 + after.1 - before.0 - before.1);
    (read.0, read.1, moved.expect("a pass").get(0))
}

#[tokio::test]
async fn ageing_a_million_jobs_reads_a_small_multiple_of_what_it_moves() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    enter(&client, &scene, 500_000, 100).await;
    // A long lane beside a hundred short ones: their shares are unequal.
    enter_more(&client, &scene, 500_000, 20).await;
    let old = format!(
        "UPDATE queue SET ageing = interval '1 min' WHERE id = {queue};
         INSERT INTO ageing_mark SELECT {queue}, last_value, now() - interval '1 hour' FROM ready_seq",
        queue = scene.queue.0,
    );
    client
        .batch_execute(&old)
        .await
        .expect("all of them have waited for an hour");
    for limit in [1, 100, 1000] {
        let (by_seq_scan, rows, moved) = cost_of_ageing(&client, &scene, limit).await;
        assert_eq!((moved, by_seq_scan), (limit.into(), 0));
        // Shares of a hundred lanes, each of at least one row; and each that moves thrice.
        let bound = i64::from(limit) * 10 + 500;
        assert!(rows <= bound, "{rows} rows to move {limit}");
    }
    // Only the long lane is left: what is looked at again grows with what is found.
    let short = "DELETE FROM ready WHERE lane <> 161";
    client.batch_execute(short).await.expect("deleted");
    client
        .batch_execute("VACUUM ANALYZE ready")
        .await
        .expect("cleaned up");
    let (by_seq_scan, rows, moved) = cost_of_ageing(&client, &scene, 1000).await;
    assert_eq!((moved, by_seq_scan), (1000, 0));
    assert!(rows <= 10_500, "{rows} rows to move 1000");
    scene.store.close().await;
}

/// Every queue's counts, each of which stops at `cap`, and when its first job began to wait: rows read, by
/// sequential scans and in all.
async fn cost_of_statistics(client: &TestClient, cap: i64) -> (i64, i64) {
    client.batch_execute("BEGIN").await.expect("begin");
    let before = rows_read(client).await;
    let stats = include_str!("../sql/queue_stats.sql");
    client.query(stats, &[&cap]).await.expect("statistics");
    let after = rows_read(client).await;
    client.batch_execute("ROLLBACK").await.expect("rollback");
    (after.0 - before.0, after.0 + after.1 - before.0 - before.1)
}

#[tokio::test]
async fn what_waits_longest_among_a_million_jobs_is_found_by_a_look_at_each_line() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    enter(&client, &scene, 900_000, 101).await;
    enter_more(&client, &scene, 100_000, 20).await;
    // The other queues are empty: nothing is read in search of their jobs.
    let (by_seq_scan, rows) = cost_of_statistics(&client, 100_000).await;
    assert_eq!(by_seq_scan, 0);
    assert!(rows <= 101_000, "{rows} rows");
    for statistics in ["as they are", "none at all"] {
        if statistics == "none at all" {
            let forget =
                "DELETE FROM pg_statistic WHERE starelid IN ('ready'::regclass, 'job'::regclass)";
            client.batch_execute(forget).await.expect("forgotten");
        }
        let (by_seq_scan, rows) = cost_of_statistics(&client, 1).await;
        assert_eq!(by_seq_scan, 0, "statistics: {statistics}");
        // For each of 101 lines a row of ready and one of job; and the counts.
        assert!(
            rows <= 101 * 4 + 20,
            "{rows} rows, statistics: {statistics}"
        );
    }
    scene.store.close().await;
}

#[tokio::test]
async fn dead_entries_at_the_head_of_the_line_are_not_walked_over() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let pin = scene.database.client().await;
    enter(&client, &scene, 30_000, 3).await;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM queue";
    pin.batch_execute(begin).await.expect("a snapshot");
    for _ in 0..8 {
        let keys: Vec<LeaseKey> = scene
            .acquire(1000)
            .await
            .iter()
            .map(|lease| lease.key)
            .collect();
        complete(&scene.store, &keys).await;
    }
    // 8,000 of the 10,000 jobs of the first of three priorities, numbered from 3 by threes.
    scene.look_until(197, 8_000 * 3).await;
    let without = cost(&client, &scene, 10, &nothing_known()).await;
    let with = cost(&client, &scene, 10, &scene.store.remembered(scene.queue)).await;
    assert!(with.pages < 400, "with the frontier: {with:?}");
    assert!(
        without.pages > 3 * with.pages,
        "without it the dead entries show, or this test shows nothing: {without:?} {with:?}"
    );
    pin.batch_execute("ROLLBACK").await.expect("rollback");
    scene.store.close().await;
}

#[tokio::test]
async fn one_long_lease_does_not_make_counting_slower() {
    let scene = scene(Some(500)).await;
    let client = scene.database.client().await;
    let pin = scene.database.client().await;
    enter(&client, &scene, 30_000, 1).await;
    let long = scene.acquire(1).await;
    assert_eq!(long.len(), 1);
    let floor = scene
        .store
        .remembered(scene.queue)
        .live
        .expect("a limited queue teaches");
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM queue";
    pin.batch_execute(begin).await.expect("a snapshot");
    for _ in 0..24 {
        let keys: Vec<LeaseKey> = scene
            .acquire(400)
            .await
            .iter()
            .map(|lease| lease.key)
            .collect();
        complete(&scene.store, &keys).await;
    }
    // The one long lease, and 24 times 400, of the lane of priority 0.
    scene.look_until(201, 9_601).await;
    // Learned again, now that the last batch has ended.
    assert_eq!(scene.acquire(0).await.len(), 0);
    let remembered = scene.store.remembered(scene.queue);
    let only_the_floor = Remembered {
        live: Some((floor.0, Vec::new(), floor.1[0] - 1)),
        ..remembered.clone()
    };
    let with_floor = cost(&client, &scene, 10, &only_the_floor).await;
    let with_slots = cost(&client, &scene, 10, &remembered).await;
    // Some 190, or 410 while the frontier's proof is a batch behind; what is told of the change is among them.
    assert!(with_slots.pages < 500, "with the slots: {with_slots:?}");
    assert!(
        with_floor.pages > 2 * with_slots.pages,
        "with the floor alone the dead entries show, or this test shows nothing: \
         {with_floor:?} {with_slots:?}"
    );
    pin.batch_execute("ROLLBACK").await.expect("rollback");
    assert_eq!(
        scene.store.audit().await.expect("audit"),
        Vec::<String>::new()
    );
    scene.store.close().await;
}
