//! `JobAcquisitionTestCase`: atomic acquisition, and races for it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use longshore::{JobId, JobSpec};
use longshore_core::store::Store as _;
use longshore_postgres::testing::TestDatabase;
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::scripted::ScriptedExecutor;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger;
use crate::scene::Scene;
use crate::workplace::{
    PATIENCE, QUEUE, close, ending_once_live, finish, job, make_queue, manager, managers, submit,
    worker,
};

on_both_stores!(
    test_multiple_workers_no_duplicate_acquisition,
    the_claimed_set_of_eight_processes_is_the_queued_set,
    test_concurrent_launch_batch_operations,
    live_jobs_that_end_reach_the_limit_and_never_pass_it,
    calls_with_limits_of_their_own_never_pass_the_greatest_of_them,
);

/// Five workers that compete for ten jobs at the same instant: each gets one, no two the same.
async fn test_multiple_workers_no_duplicate_acquisition(scene: Scene) {
    const WORKERS: usize = 5;
    let store = scene.store().await;
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..10).map(|_| job(50))).await;
    let executor = ScriptedExecutor::new();
    let managers = managers(&scene, &executor, WORKERS).await;
    let together = Arc::new(Barrier::new(WORKERS));
    let mut tasks = JoinSet::new();
    for manager in managers.clone() {
        let together = Arc::clone(&together);
        tasks.spawn(async move {
            together.wait().await;
            manager.acquire_next_job(QUEUE, PATIENCE).await
        });
    }
    let mut acquired = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        let answer = answer.expect("no panic").expect("no worker meets an error");
        acquired.push(answer.expect("there are more jobs than workers"));
    }
    let ids: Vec<JobId> = acquired.iter().map(|held| held.lease().key.job).collect();
    let firsts: BTreeSet<JobId> = jobs[..WORKERS].iter().copied().collect();
    let given: BTreeSet<JobId> = ids.iter().copied().collect();
    let judged = holds("S1", given.len() == ids.len(), || {
        format!("one was claimed twice: {ids:?}")
    })
    .and(|| {
        // What was first in line, whoever got which.
        holds("S7", given == firsts, || {
            format!("{ids:?} were given, not {firsts:?}")
        })
    });
    drop(acquired);
    close(&managers).await;
    let judged = match judged {
        Judged::Passed => ledger::metrics_equal_tables(&*store).await,
        judged => judged,
    };
    store.close().await;
    conclude(&judged);
}

/// Each job writes its id, once, as one line.
fn that_says_its_name(scene: &Scene) -> JobSpec {
    let claims = scene.home.path().join("claims");
    let claims = claims
        .to_str()
        .expect("temporary paths are UTF-8")
        .to_owned();
    let script = r#"printf '%s\n' "$LONGSHORE_JOB_ID" >>"$CLAIMS""#;
    let mut spec = JobSpec::process(["sh", "-c", script]);
    spec.queue = Some(QUEUE.to_owned());
    spec.env.insert("CLAIMS".to_owned(), claims.into());
    spec
}

/// A thousand jobs, drained by eight worker processes: what ran is what was queued.
async fn the_claimed_set_of_eight_processes_is_the_queued_set(scene: Scene) {
    let store = scene.store().await;
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..1000).map(|_| that_says_its_name(&scene))).await;
    let workers = (0..8).map(|_| worker(&scene, &["--until-empty", "--max-concurrent", "4"]));
    finish(workers.collect()).await;
    let claims = fs::read_to_string(scene.home.path().join("claims")).expect("the jobs wrote");
    let claimed: Vec<JobId> = claims
        .lines()
        .map(|line| JobId(line.parse().expect("a line is an id")))
        .collect();
    let details = ledger::read(&*store, &jobs).await;
    let workers = ledger::by_worker(&details).len();
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let judged = ledger::claimed_is_queued(&claimed, &jobs)
        .and(|| ledger::each_completed_once(&details))
        .and(|| at_rest)
        .and(|| exercised(workers >= 2, || format!("{workers} worker got all of it")));
    conclude(&judged);
}

/// Four calls at the same instant, of jobs that go on: three start, and no more.
async fn test_concurrent_launch_batch_operations(scene: Scene) {
    const CALLS: usize = 4;
    let store = scene.store().await;
    make_queue(&*store, None).await;
    submit(&*store, (0..10).map(|_| job(50))).await;
    let executor = ScriptedExecutor::run_until_released();
    let managers = managers(&scene, &executor, CALLS).await;
    let together = Arc::new(Barrier::new(CALLS));
    let mut tasks = JoinSet::new();
    for manager in managers.clone() {
        let together = Arc::clone(&together);
        tasks.spawn(async move {
            together.wait().await;
            manager.launch_next_batch(QUEUE, 3, PATIENCE).await
        });
    }
    let mut launched = 0;
    while let Some(batch) = tasks.join_next().await {
        let batch = batch.expect("no panic").expect("no call fails");
        assert_eq!(batch.errors, []);
        launched += batch.launched;
    }
    let most = executor.max_live();
    executor.release_all();
    close(&managers).await;
    store.close().await;
    let judged = holds("S3", launched <= 3 && most <= 3, || {
        format!("{launched} were launched, {most} at once, under a limit of 3")
    })
    .and(|| {
        holds("L3", launched == 3, || {
            format!("only {launched} of 3 were launched")
        })
    });
    conclude(&judged);
}

/// Launches batches under this cap until nothing waits or runs.
async fn launch_until_empty(manager: Arc<longshore::QueueManager>, cap: u32) {
    let shutdown = longshore::GracefulShutdown::new();
    let processed = manager.process_queue(QUEUE, cap, &shutdown).await;
    let batch = processed.expect("no call fails");
    assert_eq!(batch.errors, []);
}

/// Jobs that end: the witness inside the executor counts at every instant.
async fn live_jobs_that_end_reach_the_limit_and_never_pass_it(scene: Scene) {
    witnessed(scene, Some(3), &[8; 8], 3).await;
}

/// Without a limit of the queue, each call brings its own.
async fn calls_with_limits_of_their_own_never_pass_the_greatest_of_them(scene: Scene) {
    witnessed(scene, None, &[1, 2, 3, 4, 1, 2, 3, 4], 4).await;
}

async fn witnessed(scene: Scene, limit: Option<u32>, caps: &[u32], most: usize) {
    let store = scene.store().await;
    make_queue(&*store, limit).await;
    let jobs = submit(&*store, (0..200).map(|_| job(50))).await;
    let executor = ending_once_live(most, Duration::from_millis(3));
    let mut managers = Vec::new();
    let mut tasks = JoinSet::new();
    for cap in caps {
        let manager = manager(&scene, &executor).await;
        managers.push(Arc::clone(&manager));
        tasks.spawn(launch_until_empty(manager, *cap));
    }
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no panic");
        }
    };
    timeout(2 * PATIENCE, all)
        .await
        .expect("the line is emptied");
    close(&managers).await;
    let starts: Vec<JobId> = executor.starts().iter().map(|run| run.job).collect();
    let seen = executor.max_live();
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let judged = holds("S3", seen <= most, || {
        format!("{seen} at once, at most {most} may be")
    })
    .and(|| ledger::claimed_is_queued(&starts, &jobs))
    .and(|| ledger::each_completed_once(&details))
    .and(|| at_rest)
    .and(|| {
        exercised(seen == most, || {
            format!("{seen} at once: {most} were never reached")
        })
    });
    conclude(&judged);
}

/// Somebody holds the head row; whoever acquires gets the next one by its id, while the lock is held.
/// (On SQLite there are no row locks: one writer at a time, which `deadlock_recovery` outlasts.)
#[tokio::test]
async fn test_job_acquisition_with_skip_locked() {
    skip_locked(1, 1).await;
}

/// The same with several locked rows and several who acquire at once: each goes past all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_acquires_goes_past_every_locked_row_in_order() {
    skip_locked(3, 8).await;
}

/// An acquisition that waits for somebody's row is given up after this: the rows stay locked.
const WHILE_LOCKED: Duration = Duration::from_secs(5);

async fn skip_locked(locked: usize, workers: usize) {
    let _beside = crate::beside::others().await;
    let database = TestDatabase::create().await;
    let store = Arc::new(database.store().await.expect("the database is there"));
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..20).map(|_| job(50))).await;
    let blocker = database.client().await;
    let lock = format!("BEGIN; SELECT FROM ready ORDER BY lane, seq LIMIT {locked} FOR UPDATE");
    blocker
        .batch_execute(&lock)
        .await
        .expect("the rows are free");
    let executor = ScriptedExecutor::run_until_released();
    let mut managers = Vec::new();
    let mut tasks = JoinSet::new();
    for _ in 0..workers {
        let executors: Vec<Arc<dyn longshore::Executor>> = vec![Arc::new(executor.clone())];
        let handle = Arc::new(database.store().await.expect("the database is there"));
        let handle: Arc<dyn longshore::Store> = handle;
        let config = longshore::WorkerConfig::default();
        let manager = longshore::QueueManager::new(handle, executors, config);
        let manager = Arc::new(manager.expect("the defaults are accepted"));
        managers.push(Arc::clone(&manager));
        tasks.spawn(async move { manager.acquire_next_job(QUEUE, WHILE_LOCKED).await });
    }
    let mut acquired = Vec::new();
    let mut in_time = true;
    while let Some(answer) = tasks.join_next().await {
        match answer.expect("no panic") {
            Ok(held) => acquired.extend(held),
            // It waited for a row that is given back only after this.
            Err(_contended) => in_time = false,
        }
    }
    blocker
        .batch_execute("ROLLBACK")
        .await
        .expect("it was held");
    let ids: BTreeSet<JobId> = acquired.iter().map(|held| held.lease().key.job).collect();
    let expected: BTreeSet<JobId> = jobs[locked..locked + workers].iter().copied().collect();
    drop(acquired);
    close(&managers).await;
    store.close().await;
    let judged = holds("S7", in_time, || {
        "an acquisition waited for a row that somebody else holds".to_owned()
    })
    .and(|| {
        holds("S7", ids == expected, || {
            format!("{ids:?} were given, not {expected:?}")
        })
    });
    conclude(&judged);
}
