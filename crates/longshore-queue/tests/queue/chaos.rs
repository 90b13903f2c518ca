//! Everything at once: several workers that come and go over a store of which every fifth call
//! goes wrong. Whatever happens, each job ends once, no job runs twice at once, and each worker
//! accounts for what it took.

use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::state::TerminalState;
use longshore_queue::{GracefulShutdown, WorkerReport};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{Scene, Script, in_time};

const JOBS: usize = 60;
const WORKERS: usize = 3;

#[tokio::test(start_paused = true)]
async fn under_any_faults_each_job_ends_once_and_nothing_is_doubled() {
    for seed in 0..40 {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut scene = Scene::new();
        scene.config.shutdown_timeout = Duration::from_secs(2);
        let runs = |chance: &mut StdRng| Duration::from_millis(chance.random_range(0..6000));
        let jobs: Vec<i64> = (0..JOBS)
            .map(|_| scene.scripted(Script::runs_for(runs(&mut chance))))
            .collect();
        scene.store.lock().faults.set_chance(Some(seed));
        let reports = in_time(run_all(&scene, &mut chance)).await;
        check(seed, &scene, &jobs, &reports);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_each_job_ends_once_and_nothing_is_doubled() {
    let mut chance = StdRng::seed_from_u64(1);
    let mut scene = Scene::new();
    scene.config.poll_interval = Duration::from_millis(50);
    let jobs: Vec<i64> = (0..JOBS)
        .map(|n| scene.scripted(Script::runs_for(Duration::from_millis(n as u64 % 20))))
        .collect();
    scene.store.lock().faults.set_chance(Some(1));
    // On a real clock: long beyond what it takes, which is a second or two.
    let all = timeout(Duration::from_mins(1), run_all(&scene, &mut chance));
    let reports = all.await.expect("all jobs end");
    check(1, &scene, &jobs, &reports);
}

/// Workers until nothing is left. Now and then one is told to end, and another takes its place.
async fn run_all(scene: &Scene, chance: &mut StdRng) -> Vec<WorkerReport> {
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (store, executors) = (scene.store.as_dyn(), scene.executors());
        let config = scene.config.clone();
        let mut chance = StdRng::seed_from_u64(chance.random());
        workers.spawn(async move {
            let mut reports = Vec::new();
            loop {
                let worker =
                    longshore_queue::Worker::new(store.clone(), executors.clone(), config.clone())
                        .expect("the scene's configuration is valid");
                let shutdown = GracefulShutdown::new();
                let (told, life) = (shutdown.clone(), chance.random_range(500..20_000));
                let impatience = tokio::spawn(async move {
                    sleep(Duration::from_millis(life)).await;
                    told.signal();
                });
                // An error means that it never began: the store was away when it registered.
                let report = worker.run(&shutdown).await;
                impatience.abort();
                let is_over = !shutdown.is_draining() && report.is_ok();
                reports.extend(report);
                if is_over {
                    return reports;
                }
            }
        });
    }
    workers.join_all().await.concat()
}

fn check(seed: u64, scene: &Scene, jobs: &[i64], reports: &[WorkerReport]) {
    for job in jobs {
        assert!(
            scene.store.is_settled(*job, TerminalState::Completed),
            "seed {seed}: job {job} is {:?}",
            scene.store.place(*job)
        );
        let records = scene.store.records(*job);
        let exits = records
            .iter()
            .filter(|record| record.outcome == Outcome::Exited);
        assert_eq!(exits.count(), 1, "seed {seed}: job {job}: {records:?}");
    }
    assert_eq!(scene.executor.doubled(), [0_i64; 0], "seed {seed}");
    assert_eq!(scene.executor.live(), 0, "seed {seed}");
    let most = WORKERS * scene.config.max_concurrent as usize;
    assert!(scene.executor.most_live() <= most, "seed {seed}");
    for report in reports {
        assert_eq!(
            report.accounted(),
            report.acquired,
            "seed {seed}: {report:?}"
        );
        assert_eq!(report.unfinished, 0, "seed {seed}: {report}");
    }
    let completed: u64 = reports.iter().map(|report| report.completed).sum();
    assert_eq!(completed, jobs.len() as u64, "seed {seed}");
    let collided: u64 = reports.iter().map(|report| report.contention.total()).sum();
    assert!(collided > 0, "seed {seed}: the faults came");
}
