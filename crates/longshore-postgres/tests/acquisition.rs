//! Acquisition where it could go wrong: late commits, locks, limits that change, what is remembered.

mod scene;

use longshore_core::limit::Limit;
use longshore_core::store::Submissions;
use longshore_core::store::{AcquireRequest, Contention, Leases, Store, StoreError, Upkeep};
use longshore_core::{JobId, WorkerId};
use scene::{acquire, complete, job, scene, submit_by_sql, until_waiting_for_a_lock};

#[tokio::test]
async fn the_functions_refuse_every_isolation_level_but_read_committed() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let calls = [
        "SELECT * FROM acquire(1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, '{0}', '{-1}', '{202}')",
        "SELECT * FROM stage(1, 1)",
        "SELECT * FROM probe_line(1, '{0}', '{-1}', '{202}')",
    ];
    for call in calls {
        for level in ["REPEATABLE READ", "SERIALIZABLE"] {
            client
                .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}"))
                .await
                .expect("begin");
            let error = client.batch_execute(call).await.expect_err(level);
            let text = error
                .as_db_error()
                .map(|db| db.message().to_owned())
                .unwrap_or_default();
            assert!(
                text.contains("READ COMMITTED") && text.contains(level),
                "{text}"
            );
            client.batch_execute("ROLLBACK").await.expect("rollback");
        }
        client
            .batch_execute(call)
            .await
            .expect("READ COMMITTED is the default");
    }
}

#[tokio::test]
async fn the_stores_own_sessions_are_read_committed_whatever_the_servers_default() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let strict = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation \
                  = ''serializable''', current_database()); END $$";
    client.batch_execute(strict).await.expect("a setting");
    let store = scene.other().await;
    let submitted = store.submit(&[job(50)]).await.expect("submit");
    let leases = acquire(&store, scene.queue, 1).await.expect("acquire");
    assert_eq!(leases[0].key.job, submitted[0].job);
    store.close().await;
}

#[tokio::test]
async fn a_writer_that_commits_late_is_not_passed_over() {
    let scene = scene(None).await;
    let writer = scene.database.client().await;
    writer.batch_execute("BEGIN").await.expect("begin");
    let late = submit_by_sql(&writer).await;
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

/// `pg_snapshot_xmax` is one above the newest *ended* transaction: the writer of this test has that
/// very id while it is open, so a proof by "xmin ≥ xmax of the first look" holds at once, and wrongly.
#[tokio::test]
async fn a_writer_with_the_newest_id_of_all_is_not_passed_over() {
    let scene = scene(None).await;
    let (early, late) = (scene.database.client().await, scene.database.client().await);
    for _ in 0..20 {
        early
            .batch_execute("BEGIN; SELECT pg_current_xact_id()")
            .await
            .expect("begin");
        late.batch_execute("BEGIN").await.expect("begin");
        let first = submit_by_sql(&late).await;
        let second = submit_by_sql(&early).await;
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

#[tokio::test]
async fn the_job_behind_a_locked_one_is_given_at_once() {
    let scene = scene(None).await;
    let jobs = scene.submit(2).await;
    let client = scene.database.client().await;
    let lock = "BEGIN; SELECT FROM ready ORDER BY lane, seq LIMIT 1 FOR UPDATE";
    client.batch_execute(lock).await.expect("a lock");
    assert_eq!(scene.acquire_ids(1).await, [jobs[1]]);
    client.batch_execute("ROLLBACK").await.expect("rollback");
    assert_eq!(
        scene.acquire_ids(1).await,
        [jobs[0]],
        "what was not taken keeps its place"
    );
}

#[tokio::test]
async fn limited_acquisitions_exclude_each_other_and_others_do_not() {
    let scene = scene(None).await;
    scene.submit(10).await;
    let client = scene.database.client().await;
    let with_cap = |cap| AcquireRequest {
        queue: scene.queue,
        want: 1,
        worker: WorkerId(1),
        acquire_number: 1,
        max_concurrent: Some(Limit(cap)),
    };
    let hold = |lock: &str| format!("BEGIN; SELECT FROM queue WHERE name = 'line' {lock}");

    client
        .batch_execute(&hold("FOR NO KEY UPDATE"))
        .await
        .expect("as a limited one holds");
    assert_eq!(
        scene.acquire(1).await.len(),
        1,
        "one without a limit goes on"
    );
    let blocked = scene.store.acquire(with_cap(9)).await;
    let is_lock_timeout = |result: &Result<_, StoreError>| {
        let timeout = Contention::LockTimeout;
        matches!(result, Err(StoreError::Contended { contention, .. }) if *contention == timeout)
    };
    assert!(
        is_lock_timeout(&blocked.map(drop)),
        "one with a limit waits"
    );
    client.batch_execute("ROLLBACK").await.expect("rollback");

    client
        .batch_execute(&hold("FOR KEY SHARE"))
        .await
        .expect("as one without a limit holds");
    assert_eq!(
        scene
            .store
            .acquire(with_cap(9))
            .await
            .expect("goes on")
            .leases
            .len(),
        1
    );
    client.batch_execute("ROLLBACK").await.expect("rollback");

    client
        .batch_execute(&hold("FOR UPDATE"))
        .await
        .expect("as a change of the limit holds");
    let blocked = acquire(&scene.store, scene.queue, 1).await;
    assert!(
        is_lock_timeout(&blocked.map(drop)),
        "everybody waits for a change"
    );
    client.batch_execute("ROLLBACK").await.expect("rollback");
}

#[tokio::test]
async fn a_limit_that_is_set_while_an_acquisition_waits_binds_it() {
    let scene = scene(None).await;
    scene.submit(10).await;
    let client = scene.database.client().await;
    let change = "BEGIN; SELECT FROM queue WHERE name = 'line' FOR UPDATE;
                  UPDATE queue SET max_concurrent = 1, epoch = epoch + 1 WHERE name = 'line'";
    client.batch_execute(change).await.expect("a change");
    let store = longshore_postgres::PostgresStore::connect(
        &scene.database.url(),
        longshore_postgres::Options::default(),
    )
    .await
    .expect("migrated");
    let queue = scene.queue;
    let acquiring = tokio::spawn(async move { acquire(&store, queue, 5).await });
    let watcher = scene.database.client().await;
    until_waiting_for_a_lock(&watcher, 1).await;
    client.batch_execute("COMMIT").await.expect("commit");
    let leases = acquiring.await.expect("no panic").expect("acquire");
    assert_eq!(leases.len(), 1, "it had read that there is no limit");
}

#[tokio::test]
async fn live_slots_of_an_older_epoch_are_forgotten() {
    let scene = scene(Some(3)).await;
    let other = scene.other().await;
    scene.submit(50).await;
    let mine = scene.acquire(10).await;
    assert_eq!(mine.len(), 3);
    assert!(
        scene.store.remembered(scene.queue).live.is_some(),
        "a limited queue teaches"
    );
    scene.set_limit(None).await;
    assert_eq!(
        acquire(&other, scene.queue, 5)
            .await
            .expect("no limit")
            .len(),
        5
    );
    scene.set_limit(Some(8)).await;
    assert_eq!(
        scene.acquire(10).await.len(),
        0,
        "eight live, by whichever lock"
    );
    scene.set_limit(Some(10)).await;
    assert_eq!(scene.acquire(10).await.len(), 2);
    other.close().await;
}

/// Two processes and a model: each acquisition gives exactly what the limit leaves.
#[tokio::test]
async fn what_is_remembered_never_changes_what_is_given() {
    let scene = scene(Some(7)).await;
    let other = scene.other().await;
    scene.submit(3000).await;
    let mut live = Vec::new();
    let mut limit = 7_usize;
    // A walk that is the same every time, by the recurrence of Numerical Recipes.
    let mut dice: u32 = 1;
    let mut roll = |sides: u32| {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (dice >> 16) % sides
    };
    for step in 0..400 {
        let store = if roll(2) == 0 { &scene.store } else { &other };
        match roll(10) {
            0 => {
                limit = roll(12) as usize;
                scene
                    .set_limit(Some(u32::try_from(limit).expect("small")))
                    .await;
            }
            1..=4 => {
                let count = (roll(4) as usize).min(live.len());
                let ended: Vec<_> = live.drain(..count).collect();
                complete(store, &ended).await;
            }
            _ => {
                let want = roll(5);
                let leases = acquire(store, scene.queue, want).await.expect("acquire");
                let expected = (want as usize).min(limit.saturating_sub(live.len()));
                assert_eq!(
                    leases.len(),
                    expected,
                    "step {step}: limit {limit}, live {}",
                    live.len()
                );
                live.extend(leases.iter().map(|lease| lease.key));
            }
        }
        if roll(5) == 0 {
            scene.look(1).await;
        }
    }
    assert_eq!(
        scene.store.audit().await.expect("audit"),
        Vec::<String>::new()
    );
    other.close().await;
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
    let lanes: Vec<i16> = known.iter().map(|segment| segment.0).collect();
    let seqs: Vec<i64> = known.iter().map(|segment| segment.1).collect();
    let next: Vec<i16> = known.iter().map(|segment| segment.2).collect();
    let look = "SELECT xid FROM probe_line($1, $2, $3, $4)";
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&scene.queue.0, &lanes, &seqs, &next];
    let row = client.query_one(look, &params).await.expect("a look");
    assert_eq!(row.get::<_, Option<i64>>(0), None);
    scene.submit(2).await;
    let row = client.query_one(look, &params).await.expect("a look");
    assert!(
        row.get::<_, Option<i64>>(0).is_some(),
        "there is something to prove again"
    );
}
