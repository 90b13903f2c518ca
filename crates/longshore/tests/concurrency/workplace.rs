//! What the tests work with: a line of jobs, managers that share it as processes would, and real
//! worker processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore::{JobId, JobSpec, Priority, QueueManager, Store, WorkerConfig};
use longshore_core::limit::Limit;
use longshore_core::queue::NewQueue;
use longshore_testkit::scripted::{Gate, Script, ScriptedExecutor};

use crate::scene::Scene;
use crate::support::Running;

/// The line that everything waits in.
pub const QUEUE: &str = "line";

/// How long taking jobs is repeated, and how long anything may take before a test gives up: far more
/// than it needs on a loaded machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Makes the line.
pub async fn make_queue(store: &dyn Store, limit: Option<u32>) {
    let queue = NewQueue {
        name: QUEUE.to_owned(),
        executor: "process".to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: limit.map(Limit),
    };
    store.create_queue(&queue).await.expect("a new queue");
}

/// Submits these, in their order.
pub async fn submit(store: &dyn Store, jobs: impl IntoIterator<Item = JobSpec>) -> Vec<JobId> {
    let jobs = jobs
        .into_iter()
        .map(|job| job.validate().expect("a valid job"));
    let jobs: Vec<_> = jobs.collect();
    let submitted = store.submit(&jobs).await.expect("they are submitted");
    submitted
        .into_iter()
        .map(|submitted| submitted.job)
        .collect()
}

/// A job of the line that a scripted executor runs.
pub fn job(priority: i64) -> JobSpec {
    JobSpec {
        queue: Some(QUEUE.to_owned()),
        priority: Priority::new(priority).expect("a priority"),
        ..JobSpec::process(["true"])
    }
}

/// An executor of jobs that last this long, none of which ends before so many have been live at once.
///
/// So a limit is reached also where a launch takes longer than a job.
pub fn ending_once_live(count: usize, lasting: Duration) -> ScriptedExecutor {
    let met = Gate::closed();
    let executor = ScriptedExecutor::scripted({
        let met = met.clone();
        move |_| Script::exits(0).lasting(lasting).ends_behind(met.clone())
    });
    // Ends with the test's runtime, if so many never are.
    tokio::spawn({
        let executor = executor.clone();
        async move {
            let together = |executor: &ScriptedExecutor| executor.live().len() >= count;
            executor.wait_until(together).await;
            met.open();
        }
    });
    executor
}

/// A manager with connections of its own, as a process would have.
pub async fn manager(scene: &Scene, executor: &ScriptedExecutor) -> Arc<QueueManager> {
    let store = scene.store().await;
    let executors: Vec<Arc<dyn longshore::Executor>> = vec![Arc::new(executor.clone())];
    let manager = QueueManager::new(store, executors, WorkerConfig::default());
    Arc::new(manager.expect("the defaults are accepted"))
}

/// Several of them, over one executor.
pub async fn managers(
    scene: &Scene,
    executor: &ScriptedExecutor,
    count: usize,
) -> Vec<Arc<QueueManager>> {
    let mut managers = Vec::with_capacity(count);
    for _ in 0..count {
        managers.push(manager(scene, executor).await);
    }
    managers
}

/// Ends them, one after the other.
pub async fn close(managers: &[Arc<QueueManager>]) {
    for manager in managers {
        manager.close().await;
        manager.store().close().await;
    }
}

/// A worker process on the line.
pub fn worker(scene: &Scene, flags: &[&str]) -> Running {
    let on = ["worker", "--queue", QUEUE, "--database", &scene.address];
    let pace = ["--poll-interval", "100ms"];
    scene.home.spawn(&[&on[..], &pace, flags].concat())
}

/// Waits for all of them, each of which must end well; returns what they said.
pub async fn finish(workers: Vec<Running>) -> Vec<String> {
    let deadline = Instant::now() + 3 * PATIENCE;
    let mut said = Vec::new();
    for worker in workers {
        let left = deadline.saturating_duration_since(Instant::now());
        let ended = tokio::task::spawn_blocking(move || worker.finish_within(left));
        let ran = ended.await.expect("it ends");
        assert_eq!(ran.code, 0, "{}", ran.report());
        said.push(ran.stderr);
    }
    said
}
