//! `WorkerCoordinationTestCase`: metrics that can be believed, and work for everybody.

use std::fs;

use longshore::Store;
use longshore_core::queue::Count;
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::scripted::ScriptedExecutor;
use longshore_testkit::wait::eventually;

use crate::ledger;
use crate::scene::Scene;
use crate::workplace::{PATIENCE, QUEUE, close, finish, job, make_queue, manager, submit, worker};

on_both_stores!(
    test_worker_metrics_accuracy,
    test_multiple_workers_coordinate_properly
);

/// Twenty jobs of mixed priorities, five of them launched: each number of the metrics is looked at, at
/// each step, and held against the tables.
async fn test_worker_metrics_accuracy(scene: Scene) {
    let store = scene.store().await;
    make_queue(&*store, None).await;
    submit(&*store, (0..20).map(|n| job([20, 50, 80][n % 3]))).await;
    let executor = ScriptedExecutor::run_until_released();
    let manager = manager(&scene, &executor).await;
    let mut judged = numbers(&*store, 20, 0, 0).await;
    let batch = manager
        .launch_next_batch(QUEUE, 5, PATIENCE)
        .await
        .expect("a batch");
    assert_eq!((batch.launched, batch.errors), (5, vec![]));
    // A start is answered when it was sent; that the container runs is stored right behind it.
    eventually("what was launched is known to run", async || {
        let metrics = store.worker_metrics().await.expect("the store answers");
        (metrics.launching == Count(0)).then_some(())
    })
    .await;
    judged = and(judged, numbers(&*store, 15, 5, 0).await);
    let started: Vec<_> = executor.starts().iter().map(|run| run.job).collect();
    executor.release_all();
    eventually("they have ended", async || {
        let states = store.states(&started).await.expect("they are there");
        states.iter().all(|state| state.is_terminal()).then_some(())
    })
    .await;
    judged = and(judged, numbers(&*store, 15, 0, 5).await);
    close(std::slice::from_ref(&manager)).await;
    let rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    conclude(&and(judged, rest));
}

fn and(first: Judged, then: Judged) -> Judged {
    first.and(|| then)
}

/// What the metrics must say now: and what they say is what the tables hold.
async fn numbers(store: &dyn Store, waiting: u64, running: u64, completed: u64) -> Judged {
    let metrics = store.worker_metrics().await.expect("the store answers");
    let settled = store.settled_counts().await.expect("the store answers");
    let ended = settled.get(&longshore::State::Completed).copied();
    let seen = [
        metrics.queue_depth,
        metrics.ready_now,
        metrics.scheduled_future,
        metrics.running,
        metrics.launch_failed,
        ended.unwrap_or_default(),
    ];
    let expected = [waiting, waiting, 0, running, 0, completed].map(Count);
    let judged = holds("S12", seen == expected, || {
        format!("{seen:?}, not {expected:?}")
    });
    and(judged, ledger::metrics_equal_tables(store).await)
}

/// Four worker processes with two slots each, and jobs none of which ends before eight have started:
/// so each worker has to get some, and the ledger says which.
async fn test_multiple_workers_coordinate_properly(scene: Scene) {
    const WORKERS: usize = 4;
    let store = scene.store().await;
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..20).map(|_| scene.witnessing_job(QUEUE, 8))).await;
    let workers = (0..WORKERS).map(|_| worker(&scene, &["--until-empty", "--max-concurrent", "2"]));
    finish(workers.collect()).await;
    let details = ledger::read(&*store, &jobs).await;
    let by_worker = ledger::by_worker(&details);
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let witness = fs::read_to_string(scene.home.path().join("witness.log")).expect("they wrote");
    let starts = witness
        .lines()
        .filter(|line| line.starts_with("START"))
        .count();
    let judged = ledger::each_completed_once(&details)
        .and(|| holds("S1", starts == 20, || format!("{starts} starts of 20 jobs")))
        .and(|| at_rest)
        .and(|| {
            exercised(by_worker.len() == WORKERS, || {
                format!("only {by_worker:?} of {WORKERS} workers got work")
            })
        });
    conclude(&judged);
}
