//! Acquisition where it could go wrong: locks, limits that change, what is remembered.

mod scene;

use longshore_core::WorkerId;
use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::store::{
    AcquireRequest, Contention, Leases, Registry, Store, StoreError, Submissions, Upkeep,
};
use longshore_postgres::testing::TestClient;
use scene::{Scene, acquire, complete, job, scene, until_waiting_for_a_lock};

#[tokio::test]
async fn the_functions_refuse_every_isolation_level_but_read_committed() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    let calls = [
        "SELECT * FROM acquire(1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, '{0}', '{-1}', '{202}')",
        "SELECT * FROM stage(1, 1)",
        "SELECT * FROM probe_line(1, '{0}', '{-1}', '{202}', '{-1}')",
        "SELECT is_log_day_needed('2020-01-01')",
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

/// What this session writes is told by the server for each statement; the log's position is of all
/// databases, those of other tests too.
#[tokio::test]
async fn polling_an_idle_paused_or_unserved_queue_writes_nothing() {
    let scene = scene(None).await;
    let client = scene.database.client().await;
    scene.submit(2).await;
    scene.acquire(1).await;
    for (limit, cap) in [(None, None), (Some(9), None), (None, Some(9))] {
        scene.set_limit(limit).await;
        let waiting = polls(&client, &scene, cap).await;
        assert!(
            waiting.has_xid && waiting.wal_records > 0,
            "with a job in line it locks, or this test shows nothing: {waiting:?}"
        );
    }
    pause(&scene, true).await;
    assert_eq!(polls(&client, &scene, Some(9)).await, Written::default());
    pause(&scene, false).await;
    scene.acquire(1).await;
    for (limit, cap) in [(None, None), (Some(9), None), (None, Some(9))] {
        scene.set_limit(limit).await;
        assert_eq!(polls(&client, &scene, cap).await, Written::default());
    }
}

#[derive(PartialEq, Eq, Default, Debug)]
struct Written {
    has_xid: bool,
    wal_records: i64,
}

/// What a hundred acquisitions write that take nothing, in a transaction of their own.
async fn polls(client: &TestClient, scene: &Scene, cap: Option<i32>) -> Written {
    let acquire = "EXPLAIN (ANALYZE, WAL, FORMAT JSON)
        SELECT * FROM acquire($1, 0, 1, 1, $2, NULL, NULL, NULL, NULL, '{0}', '{-1}', '{202}')";
    // What reading tidies up (dead entries, hint bits) is done with before anything is counted.
    client
        .batch_execute("VACUUM ready, scheduled, lease, queue, worker")
        .await
        .expect("vacuum");
    client.batch_execute("BEGIN").await.expect("begin");
    let mut wal_records = 0;
    for _ in 0..100 {
        let row = client
            .query_one(acquire, &[&scene.queue.0, &cap])
            .await
            .expect("a plan");
        let plan: serde_json::Value = row.get(0);
        wal_records += plan[0]["Plan"]["WAL Records"]
            .as_i64()
            .expect("it is shown");
    }
    let xid = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL";
    let has_xid = client.query_one(xid, &[]).await.expect("asked").get(0);
    client.batch_execute("ROLLBACK").await.expect("rollback");
    Written {
        has_xid,
        wal_records,
    }
}

async fn pause(scene: &Scene, paused: bool) {
    let change = QueueChange {
        max_concurrent: None,
        paused: Some(paused),
        ..QueueChange::default()
    };
    let changed = scene.store.change_queue(scene::QUEUE, &change).await;
    changed.expect("a known queue");
}
