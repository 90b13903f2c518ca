//! Partitions of the output: made ahead, filled from the default one, dropped when nobody needs them.

mod scene;

use std::time::Duration;

use longshore_core::WorkerId;
use longshore_core::output::{KeptOutput, Stream};
use longshore_core::store::{
    LeaseKey, LeaseStatus, Leases, OutputAppend, OutputRequest, Reading, Registry, Retention,
    Store, Upkeep,
};
use scene::{Scene, complete, scene};

const KEPT: Retention = Retention {
    keep: Duration::from_hours(30 * 24),
    batch: 100,
};

/// By name: the days first to last, then the default one.
async fn partitions(scene: &Scene) -> Vec<String> {
    let client = scene.database.client().await;
    let sql = "SELECT inhrelid::regclass::text FROM pg_inherits
               WHERE inhparent = 'log_chunk'::regclass ORDER BY 1";
    client
        .query(sql, &[])
        .await
        .expect("a list")
        .iter()
        .map(|row| row.get(0))
        .collect()
}

async fn rows_in(scene: &Scene, table: &str) -> i64 {
    let client = scene.database.client().await;
    let sql = format!("SELECT count(*) FROM {table}");
    client.query_one(&sql, &[]).await.expect("a count").get(0)
}

/// A job whose attempt was acquired many days ago, with output.
async fn long_runner(scene: &Scene, days: i32) -> LeaseKey {
    scene.submit(1).await;
    let lease = scene.acquire(1).await[0].key;
    let client = scene.database.client().await;
    let earlier =
        "UPDATE lease SET claimed_at = now() - make_interval(days => $2) WHERE job_id = $1";
    client
        .execute(earlier, &[&lease.job.0, &days])
        .await
        .expect("an old lease");
    let output = KeptOutput {
        stream: Stream::Stdout,
        position: 0,
        bytes: b"hello".to_vec(),
    };
    let append = OutputAppend {
        lease,
        seq: 0,
        output,
        resume: None,
    };
    let statuses = scene.store.append_output(&[append]).await.expect("stored");
    assert_eq!(statuses, [LeaseStatus::Held]);
    lease
}

async fn output_of(scene: &Scene, lease: LeaseKey) -> Vec<u8> {
    let request = OutputRequest {
        job: lease.job,
        attempt: None,
        after: None,
        max_bytes: 1 << 20,
    };
    let page = scene.store.read_output(request).await.expect("a known job");
    page.chunks
        .into_iter()
        .flat_map(|chunk| chunk.bytes)
        .collect()
}

#[tokio::test]
async fn days_are_made_ahead_and_tending_again_makes_nothing() {
    let scene = scene(None).await;
    let made = partitions(&scene).await;
    assert!(
        made.len() > 8,
        "the default, today and seven days: {made:?}"
    );
    scene.store.tend_storage(KEPT).await.expect("tended");
    let tended = partitions(&scene).await;
    scene.store.tend_storage(KEPT).await.expect("tended again");
    assert_eq!(partitions(&scene).await, tended);
}

#[tokio::test]
async fn output_without_a_days_partition_is_stored_and_moved_when_there_is_one() {
    let scene = scene(None).await;
    let lease = long_runner(&scene, 3).await;
    assert_eq!(rows_in(&scene, "log_chunk_default").await, 1);
    assert_eq!(output_of(&scene, lease).await, b"hello");
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(rows_in(&scene, "log_chunk_default").await, 0);
    assert_eq!(
        output_of(&scene, lease).await,
        b"hello",
        "it is where it belongs"
    );
}

#[tokio::test]
async fn an_old_day_is_dropped_once_none_of_its_jobs_is_left_and_not_before() {
    let scene = scene(None).await;
    let lease = long_runner(&scene, 40).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let with_old_day = partitions(&scene).await;
    assert_eq!(
        output_of(&scene, lease).await,
        b"hello",
        "the job still runs"
    );
    complete(&scene.store, &[lease]).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(
        output_of(&scene, lease).await,
        b"hello",
        "it ended just now"
    );
    let all = Retention {
        keep: Duration::ZERO,
        batch: 100,
    };
    let pruned = scene.store.prune(all).await.expect("pruned");
    assert_eq!(pruned.jobs, 1);
    scene.store.tend_storage(KEPT).await.expect("tended");
    let left = partitions(&scene).await;
    assert_eq!(left.len(), with_old_day.len() - 1, "{left:?}");
    assert_eq!(rows_in(&scene, "log_chunk").await, 0);
    scene.store.close().await;
}

#[tokio::test]
async fn several_processes_that_tend_at_once_all_succeed() {
    let scene = scene(None).await;
    long_runner(&scene, 5).await;
    let stores = [
        scene.other().await,
        scene.other().await,
        scene.other().await,
    ];
    let [a, b, c] = &stores;
    let (a, b, c) = tokio::join!(
        a.tend_storage(KEPT),
        b.tend_storage(KEPT),
        c.tend_storage(KEPT)
    );
    for outcome in [a, b, c] {
        outcome.expect("tended");
    }
    for store in &stores {
        store.close().await;
    }
}

/// As `pg_dump` does for hours: it reads everything, and lets nobody change the shape of what it read.
#[tokio::test]
async fn a_backup_that_reads_everything_holds_up_dropping_and_nothing_else() {
    let scene = scene(None).await;
    let lease = long_runner(&scene, 40).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    complete(&scene.store, &[lease]).await;
    let all = Retention {
        keep: Duration::ZERO,
        batch: 100,
    };
    assert_eq!(scene.store.prune(all).await.expect("pruned").jobs, 1);
    let old = old_worker(&scene, 31 * 24).await;
    let client = scene.database.client().await;
    let days = partitions(&scene).await;
    let (oldest, last) = (&days[0], &days[days.len() - 2]);
    client
        .batch_execute(&format!("DROP TABLE {last}"))
        .await
        .expect("a day that is to be made again");

    let dump = scene.database.client().await;
    dump.batch_execute(&format!("BEGIN; LOCK TABLE {oldest} IN ACCESS SHARE MODE"))
        .await
        .expect("it reads");
    let error = scene.store.tend_storage(KEPT).await.expect_err("held up");
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(
        partitions(&scene).await,
        days,
        "the day ahead is there again"
    );
    assert!(!is_listed(&scene, old).await, "the old worker is forgotten");

    dump.batch_execute("COMMIT").await.expect("it ends");
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(partitions(&scene).await, days[1..]);
}

/// One that has not written yet may still do so, into the day on which it was acquired.
#[tokio::test]
async fn an_old_day_is_kept_while_an_attempt_of_it_is_live() {
    let scene = scene(None).await;
    let ended = long_runner(&scene, 40).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    let days = partitions(&scene).await;
    complete(&scene.store, &[ended]).await;
    scene.submit(1).await;
    let silent = scene.acquire(1).await[0].key;
    let client = scene.database.client().await;
    let earlier = "UPDATE lease SET claimed_at = now() - interval '40 days'";
    client.batch_execute(earlier).await.expect("an old lease");
    let all = Retention {
        keep: Duration::ZERO,
        batch: 100,
    };
    assert_eq!(scene.store.prune(all).await.expect("pruned").jobs, 1);
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(partitions(&scene).await, days);
    complete(&scene.store, &[silent]).await;
    scene.store.tend_storage(KEPT).await.expect("tended");
    assert_eq!(partitions(&scene).await.len(), days.len() - 1);
}

/// A worker that was last heard of so long ago.
async fn old_worker(scene: &Scene, hours: i32) -> WorkerId {
    let worker = scene::new_worker(scene.queue);
    let id = scene
        .store
        .register_worker(&worker)
        .await
        .expect("a worker");
    let client = scene.database.client().await;
    let earlier =
        "UPDATE worker SET heartbeat_at = now() - make_interval(hours => $2) WHERE id = $1";
    client
        .execute(earlier, &[&id.0, &hours])
        .await
        .expect("an old one");
    id
}

async fn is_listed(scene: &Scene, worker: WorkerId) -> bool {
    let workers = scene.store.workers(true).await.expect("workers");
    workers.iter().any(|listed| listed.id == worker)
}

#[tokio::test]
async fn workers_that_are_long_gone_and_hold_nothing_are_forgotten() {
    let scene = scene(None).await;
    let (gone, holding) = (old_worker(&scene, 49).await, old_worker(&scene, 49).await);
    scene.submit(1).await;
    scene.acquire(1).await;
    let client = scene.database.client().await;
    client
        .execute("UPDATE lease SET worker_id = $1", &[&holding.0])
        .await
        .expect("a lease");
    let keep = |hours| Retention {
        keep: Duration::from_hours(hours),
        batch: 100,
    };
    scene.store.tend_storage(keep(50)).await.expect("tended");
    assert!(is_listed(&scene, gone).await, "younger than the retention");
    // However short the retention, a day's workers stay to be looked at.
    scene.store.tend_storage(keep(0)).await.expect("tended");
    assert!(!is_listed(&scene, gone).await);
    assert!(is_listed(&scene, holding).await, "it holds a lease");
    assert!(is_listed(&scene, scene.worker).await, "it is young");
    assert_eq!(
        scene.store.audit().await.expect("audit"),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn output_of_the_last_days_goes_with_its_jobs_in_bounded_passes() {
    let scene = scene(None).await;
    scene.submit(2).await;
    let [gone, kept] = &scene.acquire(2).await[..] else {
        panic!("two leases");
    };
    for (lease, parts) in [(gone.key, 1200), (kept.key, 1)] {
        let append = |seq| OutputAppend {
            lease,
            seq,
            output: KeptOutput {
                stream: Stream::Stdout,
                position: u64::from(seq.unsigned_abs()),
                bytes: b"x".to_vec(),
            },
            resume: None,
        };
        let appends: Vec<_> = (0..parts).map(append).collect();
        scene.store.append_output(&appends).await.expect("stored");
    }
    complete(&scene.store, &[gone.key]).await;
    let all = Retention {
        keep: Duration::ZERO,
        batch: 100,
    };
    let mut left = rows_in(&scene, "log_chunk").await;
    let mut jobs = 0;
    let mut passes = 0;
    loop {
        let pruned = scene.store.prune(all).await.expect("pruned");
        jobs += pruned.jobs;
        passes += 1;
        let now_left = rows_in(&scene, "log_chunk").await;
        assert!(
            left - now_left <= 500,
            "{left} before, {now_left} after a pass"
        );
        left = now_left;
        if !pruned.more {
            break;
        }
        assert!(passes < 20, "it ends");
    }
    assert_eq!((jobs, left), (1, 1), "what lives keeps its output");
    assert_eq!(output_of(&scene, kept.key).await, b"x");
    scene.store.close().await;
}
