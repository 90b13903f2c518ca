//! A thousand jobs under a limit: through worker processes, and through `launch_next_batch`.

use std::time::{Duration, Instant};

use longshore::process::{ProcessExecutor, ShimCommand};
use longshore::{JobId, QueueManager, State, WorkerConfig};
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_history::Verdict;

use crate::scene::Scene;

const JOBS: usize = 1000;
const QUEUE: &str = "thousand";

/// How long all the jobs may take: many times what they need on a loaded machine.
const DEADLINE: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_jobs_through_four_worker_processes_keep_the_limit_on_sqlite() {
    through_worker_processes(Scene::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_jobs_through_four_worker_processes_keep_the_limit_on_postgres() {
    through_worker_processes(Scene::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_tasks_that_launch_batches_keep_the_calls_limit_on_sqlite() {
    through_launch_next_batch(Scene::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_tasks_that_launch_batches_keep_the_calls_limit_on_postgres() {
    through_launch_next_batch(Scene::on_postgres().await).await;
}

async fn through_worker_processes(scene: Scene) {
    let jobs = submit(&scene, Some(Limit(5)), 5).await;
    let begun = Instant::now();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let queue = [
                "worker",
                "--queue",
                QUEUE,
                "--until-empty",
                "--max-concurrent",
                "4",
            ];
            let place = ["--database", &scene.address, "--poll-interval", "100ms"];
            scene.home.spawn(&[&queue[..], &place[..]].concat())
        })
        .collect();
    for worker in workers {
        let left = DEADLINE.saturating_sub(begun.elapsed());
        let ran = tokio::task::spawn_blocking(move || worker.finish_within(left))
            .await
            .expect("it ends");
        assert_eq!(ran.code, 0, "{}", ran.report());
    }
    assert_all_completed(&scene, &jobs).await;
    assert_passed(&scene.verdict(&jobs, 5).await, 5);
}

async fn through_launch_next_batch(scene: Scene) {
    const CALLS_LIMIT: u32 = 3;
    let jobs = submit(&scene, None, CALLS_LIMIT).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = scene.store().await;
        tasks.spawn(async move {
            let shim = ShimCommand {
                program: env!("CARGO_BIN_EXE_longshore").into(),
                args: vec!["process-shim".into()],
            };
            let executor = std::sync::Arc::new(ProcessExecutor::new(shim));
            let manager = QueueManager::new(store, vec![executor], WorkerConfig::default())
                .expect("the defaults are accepted");
            loop {
                let timeout = Duration::from_secs(30);
                let batch = manager.launch_next_batch(QUEUE, CALLS_LIMIT, timeout).await;
                let batch = batch.expect("a batch");
                assert_eq!(batch.errors, []);
                let stats = manager.queue_stats().await.expect("the store answers");
                let queue = stats.iter().find(|stats| stats.queue.name == QUEUE);
                if queue.expect("the queue is there").counts.queue_depth.0 == 0 {
                    break;
                }
                // Nothing free now: this is the pace of polling, not of the test.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            manager.close().await;
        });
    }
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task panicked");
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, all).await.is_ok();
    assert!(in_time, "the line was not empty after {DEADLINE:?}");
    assert_all_completed(&scene, &jobs).await;
    assert_passed(&scene.verdict(&jobs, CALLS_LIMIT).await, CALLS_LIMIT);
}

async fn submit(scene: &Scene, limit: Option<Limit>, together: u32) -> Vec<JobId> {
    let store = scene.store().await;
    let queue = NewQueue {
        name: QUEUE.to_owned(),
        executor: "process".to_owned(),
        host_selector: std::collections::BTreeMap::new(),
        max_concurrent: limit,
    };
    store.create_queue(&queue).await.expect("a new queue");
    let job = scene
        .witnessing_job(QUEUE, together)
        .validate()
        .expect("a valid job");
    let submitted = store
        .submit(&vec![job; JOBS])
        .await
        .expect("the jobs are submitted");
    let jobs: Vec<_> = submitted
        .into_iter()
        .map(|submitted| submitted.job)
        .collect();
    let states = store.states(&jobs).await.expect("the store answers");
    assert!(states.iter().all(|state| *state == State::Queued));
    store.close().await;
    jobs
}

async fn assert_all_completed(scene: &Scene, jobs: &[JobId]) {
    let store = scene.store().await;
    let states = store.states(jobs).await.expect("the store answers");
    store.close().await;
    let others: Vec<_> = jobs
        .iter()
        .zip(states)
        .filter(|(_, state)| *state != State::Completed)
        .collect();
    assert_eq!(others, []);
}

#[track_caller]
fn assert_passed(verdict: &Verdict, limit: u32) {
    let expected = format!(
        "verdict: PASSED: {JOBS} jobs, each ran exactly once; \
         limit {limit} reached, never exceeded (max live {limit})"
    );
    assert_eq!(verdict.to_string(), expected);
}
