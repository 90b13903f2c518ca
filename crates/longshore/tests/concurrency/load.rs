//! `LoadTestCase`: many workers, a limit, and jobs of a few milliseconds.

use std::time::{Duration, Instant};

use longshore::JobId;
use longshore_testkit::judged::{conclude, exercised, holds};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::ledger;
use crate::scene::Scene;
use crate::workplace::{
    PATIENCE, QUEUE, close, ending_once_live, finish, job, make_queue, managers, submit, worker,
};

on_both_stores!(beside nobody: test_high_concurrency_job_processing);
on_both_stores!(eight_worker_processes_under_load_keep_the_limit_without_an_error);

const LIMIT: u32 = 3;

/// Fifty jobs, eight workers, each of which launches batches under a limit of three: zero errors, each
/// job exactly once, the limit witnessed. Five jobs a second would be ten seconds; it takes about one.
async fn test_high_concurrency_job_processing(scene: Scene) {
    const WORKERS: usize = 8;
    let store = scene.store().await;
    make_queue(&*store, None).await;
    let jobs = submit(&*store, (0..50).map(|n| job(1 + (n * 37) % 100))).await;
    let executor = ending_once_live(LIMIT as usize, Duration::from_millis(5));
    let managers = managers(&scene, &executor, WORKERS).await;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for manager in managers.clone() {
        tasks.spawn(async move {
            let shutdown = longshore::GracefulShutdown::new();
            manager.process_queue(QUEUE, LIMIT, &shutdown).await
        });
    }
    let all = async {
        let mut errors = Vec::new();
        while let Some(batch) = tasks.join_next().await {
            match batch.expect("no panic") {
                Ok(batch) => errors.extend(batch.errors.iter().map(ToString::to_string)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        errors
    };
    let errors = timeout(PATIENCE, all).await.expect("the line is emptied");
    let took = begun.elapsed();
    close(&managers).await;
    let starts: Vec<JobId> = executor.starts().iter().map(|run| run.job).collect();
    let most = executor.max_live();
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let judged = holds("S3", most <= LIMIT as usize, || format!("{most} at once"))
        .and(|| holds("L1", errors.is_empty(), || errors.join("; ")))
        .and(|| ledger::claimed_is_queued(&starts, &jobs))
        .and(|| ledger::each_completed_once(&details))
        .and(|| at_rest)
        .and(|| {
            holds("L1", took < Duration::from_secs(10), || {
                format!("it took {took:?}")
            })
        })
        .and(|| {
            exercised(most == LIMIT as usize, || {
                format!("{most} at once: too few")
            })
        });
    conclude(&judged);
}

/// The same by processes: two hundred jobs, whose own lines say how many ran at once.
async fn eight_worker_processes_under_load_keep_the_limit_without_an_error(scene: Scene) {
    let store = scene.store().await;
    make_queue(&*store, Some(LIMIT)).await;
    let jobs = submit(
        &*store,
        (0..200).map(|_| scene.witnessing_job(QUEUE, LIMIT)),
    )
    .await;
    let workers = (0..8).map(|_| worker(&scene, &["--until-empty", "--max-concurrent", "3"]));
    finish(workers.collect()).await;
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let verdict = scene.verdict(&jobs, LIMIT).await;
    let judged = ledger::each_completed_once(&details)
        .and(|| holds("S3", verdict.is_passed(), || verdict.to_string()))
        .and(|| at_rest);
    conclude(&judged);
}
