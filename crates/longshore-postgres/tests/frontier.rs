//! The frontier on a real server: late commits, lanes in use, another server's knowledge.

mod scene;

use std::time::Duration;

use longshore_core::JobId;
use longshore_core::store::{Reading, Submissions};
use longshore_postgres::testing::TestClient;
use scene::{Scene, job, scene, submit_by_sql, until_oldest_open};

/// Longer than a writer may be open before a frontier moves on unproved.
const TOO_LONG: Duration = Duration::from_secs(11);

#[tokio::test]
async fn a_writer_that_commits_late_is_not_passed_over() {
    let scene = scene(None).await;
    let (writer, watcher) = (scene.database.client().await, scene.database.client().await);
    writer.batch_execute("BEGIN").await.expect("begin");
    let late = submit_by_sql(&writer).await;
    until_oldest_open(&writer, &watcher).await;
    let [first, second] = scene.submit(2).await[..] else {
        panic!("two jobs")
    };
    scene.look(3).await;
    assert_eq!(
        scene.acquire_ids(1).await,
        [first],
        "the late one is not there yet"
    );
    scene.look(3).await;
    writer.batch_execute("COMMIT").await.expect("commit");
    scene.look(1).await;
    assert_eq!(
        scene.acquire_ids(2).await,
        [late, second],
        "it was first in line"
    );
    scene.look(3).await;
    assert_eq!(scene.store.frontier_hints(), 0);
}

/// Passed over for as long as its transaction is open: overtaken, as promise S7 allows, and not lost.
#[tokio::test]
async fn a_job_that_was_passed_over_by_a_hint_is_acquired_once_it_is_committed() {
    let scene = scene(None).await;
    let writer = scene.database.client().await;
    writer.batch_execute("BEGIN").await.expect("begin");
    let late = submit_by_sql(&writer).await;
    let [first] = scene.submit(1).await[..] else {
        panic!("one job")
    };
    scene.look(1).await;
    scene.look_later(TOO_LONG).await;
    assert!(scene.store.frontier_hints() > 0, "a hint");
    let passes_over = |seq: i64| {
        let segments = scene.store.remembered(scene.queue).segments;
        segments
            .iter()
            .any(|segment| segment.0 == 101 && segment.1 >= seq)
    };
    assert!(passes_over(1), "the late one has the first seq");
    assert_eq!(scene.acquire_ids(2).await, [first]);
    scene.look_later(TOO_LONG * 2).await;
    scene.look_later(TOO_LONG * 3).await;
    assert!(passes_over(2));
    writer.batch_execute("COMMIT").await.expect("commit");
    scene.look(1).await;
    assert_eq!(scene.acquire_ids(2).await, [late]);
    scene.look_until(101, 2).await;
}

/// `pg_snapshot_xmax` is one above the newest *ended* transaction: the writer of this test has that
/// very id while it is open, so a proof by "xmin ≥ xmax of the first look" holds at once, and wrongly.
#[tokio::test]
async fn a_writer_with_the_newest_id_of_all_is_not_passed_over() {
    let scene = scene(None).await;
    let (early, late) = (scene.database.client().await, scene.database.client().await);
    let watcher = scene.database.client().await;
    for _ in 0..20 {
        early
            .batch_execute("BEGIN; SELECT pg_current_xact_id()")
            .await
            .expect("begin");
        late.batch_execute("BEGIN").await.expect("begin");
        let first = submit_by_sql(&late).await;
        let second = submit_by_sql(&early).await;
        until_oldest_open(&early, &watcher).await;
        early.batch_execute("COMMIT").await.expect("commit");
        scene.look(3).await;
        late.batch_execute("COMMIT").await.expect("commit");
        assert_eq!(scene.acquire_ids(2).await, [first, second]);
    }
}

#[tokio::test]
async fn a_lane_that_is_used_for_the_first_time_is_found_at_once() {
    let scene = scene(None).await;
    scene.submit(2).await;
    scene.look(3).await;
    let jobs = [job(0), job(100), job(51), job(49)];
    let ids: Vec<JobId> = scene
        .store
        .submit(&jobs)
        .await
        .expect("valid")
        .iter()
        .map(|answer| answer.job)
        .collect();
    let acquired = scene.acquire_ids(10).await;
    assert_eq!(acquired[..2], [ids[1], ids[2]]);
    assert_eq!(acquired[4..], [ids[3], ids[0]]);
}

#[tokio::test]
async fn the_frontier_follows_what_was_acquired_and_is_forgotten_with_its_server() {
    let scene = scene(None).await;
    scene.submit(100).await;
    scene.look(1).await;
    scene.acquire(90).await;
    scene.look_until(101, 90).await;
    let remembered = scene.store.remembered(scene.queue);
    let lane = remembered.segments.last().expect("one segment at least");
    assert_eq!(
        (lane.0, lane.1),
        (101, 90),
        "nothing waits at or below the 90th seq"
    );
    let client = scene.database.client().await;
    // As a promoted standby would see it: knowledge of a server that had drawn further.
    let call = "SELECT cardinality(job_ids) FROM acquire($1, 5, 1, 1, NULL,
                    pg_postmaster_start_time() - $2::text::interval, 1, '{}', 9999999,
                    '{0,101}', '{-1,9999999}', '{101,202}')";
    let taken = |row: tokio_postgres::Row| row.get::<_, Option<i32>>(0);
    let row = client
        .query_one(call, &[&scene.queue.0, &"0 s"])
        .await
        .expect("acquire");
    assert_eq!(taken(row), None, "its own knowledge is believed");
    let row = client
        .query_one(call, &[&scene.queue.0, &"1 s"])
        .await
        .expect("acquire");
    assert_eq!(taken(row), Some(5), "another's is not");
}

/// Whether a look from where this store stands would draw a transaction id.
async fn would_draw_an_id(scene: &Scene, client: &TestClient) -> bool {
    let asked = scene.store.asked(scene.queue);
    let lanes: Vec<i16> = asked.iter().map(|a| a.0).collect();
    let seqs: Vec<i64> = asked.iter().map(|a| a.1).collect();
    let next: Vec<i16> = asked.iter().map(|a| a.2).collect();
    let covered: Vec<i64> = asked.iter().map(|a| a.3).collect();
    let look = "SELECT xid IS NOT NULL FROM probe_line($1, $2, $3, $4, $5)";
    let row = client
        .query_one(look, &[&scene.queue.0, &lanes, &seqs, &next, &covered])
        .await
        .expect("a look");
    row.get(0)
}

#[tokio::test]
async fn looking_at_an_idle_line_draws_no_transaction_id() {
    let scene = scene(None).await;
    scene.submit(3).await;
    scene.acquire(3).await;
    for lane in [0, 101] {
        scene.look_until(lane, 3).await;
    }
    let known = scene.store.remembered(scene.queue).segments;
    assert!(known.iter().all(|segment| segment.1 == 3), "{known:?}");
    let client = scene.database.client().await;
    assert!(!would_draw_an_id(&scene, &client).await);
    scene.submit(2).await;
    assert!(
        would_draw_an_id(&scene, &client).await,
        "there is something to prove again"
    );
}

#[tokio::test]
async fn a_proof_that_an_open_writer_holds_back_draws_one_transaction_id_not_one_a_look() {
    let scene = scene(None).await;
    let (writer, client) = (scene.database.client().await, scene.database.client().await);
    writer.batch_execute("BEGIN").await.expect("begin");
    submit_by_sql(&writer).await;
    assert!(would_draw_an_id(&scene, &client).await);
    scene.look(1).await;
    assert!(!would_draw_an_id(&scene, &client).await);
    scene.look_later(TOO_LONG).await;
    assert!(!would_draw_an_id(&scene, &client).await, "nor for a hint");
    writer.batch_execute("ROLLBACK").await.expect("rollback");
    scene.look_until(0, 1).await;
}

/// As after a crash: the server restarts its sessions under the same start time, and may draw again
/// what lost transactions had drawn.
#[tokio::test]
async fn what_is_remembered_is_forgotten_with_the_connection_it_was_learned_over() {
    let scene = scene(Some(9)).await;
    scene.submit(5).await;
    scene.acquire(2).await;
    scene.look_until(101, 2).await;
    let before = scene.store.remembered(scene.queue);
    assert!(before.live.is_some());
    let client = scene.database.client().await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'longshore'";
    assert!(
        !client
            .query(kill, &[])
            .await
            .expect("a superuser")
            .is_empty()
    );
    // The broken connection is met at most once, and replaced.
    while scene.store.newest_job().await.is_err() {}
    let after = scene.store.remembered(scene.queue);
    assert_eq!((after.server, after.live), (None, None));
    assert_eq!(after.segments, [(0, -1, 202)]);
    assert_eq!(scene.acquire(9).await.len(), 3, "and learned again");
    assert!(scene.store.remembered(scene.queue).live.is_some());
}
