//! Workers whose replies get lost, and whose tasks panic: slots come back, and what is reported is true.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::Executor;
use longshore_core::{JobId, State};
use longshore_fault::Gate;
use longshore_queue::{GracefulShutdown, Until, Worker, WorkerConfig};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::scripted::ScriptedExecutor;
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;
use longshore_testkit::wait::eventually;
use tokio::time::timeout;

use super::gates::Pg;

/// A worker of the scene's queue that looks, beats and polls quickly.
pub fn worker(scene: &Scene, executor: &ScriptedExecutor, config: WorkerConfig) -> Worker {
    let config = WorkerConfig {
        queues: vec![scene.queue.name.clone()],
        poll_interval: Duration::from_millis(50),
        heartbeat_interval: Duration::from_millis(200),
        ..config
    };
    let executors: Vec<Arc<dyn Executor>> = vec![Arc::new(executor.clone())];
    Worker::new(Arc::clone(&scene.store), executors, config).expect("a valid configuration")
}

#[tokio::test]
async fn leases_whose_reply_was_lost_go_back() {
    let pg = Pg::new().await;
    let scene = Scene::limited(&pg, 1).await;
    let job = scene.submit(Seed::job()).await;
    let lost = Gate::at("acquire.answered", 1);
    lost.fail();
    let looks = Gate::counting("reconcile.listed");
    let worker = worker(&scene, &ScriptedExecutor::new(), WorkerConfig::default());
    let shutdown = GracefulShutdown::new();
    let told = shutdown.clone();
    let running = tokio::spawn(async move { worker.run(&told).await });
    // Handed back by the first look after the loss; ten are more than it may ever need.
    let state = eventually("it ends, or was looked at in vain", async || {
        let state = scene.state(job).await;
        (state == State::Completed || looks.keys().len() >= 10).then_some(state)
    })
    .await;
    shutdown.signal();
    shutdown.signal();
    let report = running.await.expect("no panic").expect("the worker begins");
    let judged = holds("L3", state == State::Completed, || {
        format!("the lease without a reply holds its slot: the job is {state:?}; {report:?}")
    });
    let was_lost = !lost.keys().is_empty();
    conclude(&judged.and(|| exercised(was_lost, || "no reply was lost".to_owned())));
}

#[tokio::test]
async fn a_worker_whose_task_panicked_has_its_slot_back() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let jobs = scene.submit_all(Seed::jobs(2)).await;
    let bad = jobs[0];
    let executor = ScriptedExecutor::new();
    let defect = Gate::at("launch.begun", 1);
    defect.panic();
    let config = WorkerConfig {
        max_concurrent: 1,
        ..WorkerConfig::default()
    };
    let worker = worker(&scene, &executor, config);
    let shutdown = GracefulShutdown::new();
    let told = shutdown.clone();
    let running = tokio::spawn(async move { worker.run(&told).await });
    eventually("the first has panicked", async || {
        let state = scene.state(bad).await;
        matches!(state, State::Retrying | State::Failed).then_some(())
    })
    .await;
    let next =
        executor.wait_until(|executor| executor.starts().iter().any(|run| run.job == jobs[1]));
    // It starts within a poll, if there is a slot.
    let started = timeout(Duration::from_secs(5), next).await.is_ok();
    shutdown.signal();
    shutdown.signal();
    running.await.expect("no panic").expect("the worker begins");
    conclude(&holds("L3", started, || {
        "the only slot went with the task that panicked".to_owned()
    }));
}

/// What the worker says became of one job, whose end was stored and whose reply was lost.
async fn reported(scene: &Scene, job: JobId) -> Judged {
    let lost = Gate::at("finish.answered", 1);
    lost.fail();
    let config = WorkerConfig {
        until: Until::Empty,
        ..WorkerConfig::default()
    };
    let worker = worker(scene, &ScriptedExecutor::new(), config);
    let report = worker
        .run(&GracefulShutdown::new())
        .await
        .expect("the worker begins");
    let state = scene.state(job).await;
    let is_true = state == State::Completed && (report.completed, report.lost_leases) == (1, 0);
    holds("S12", is_true, || {
        format!("the job is {state:?}, and the worker says {report:?}")
    })
    .and(|| exercised(!lost.keys().is_empty(), || "no reply was lost".to_owned()))
}

#[tokio::test]
async fn an_end_whose_reply_was_lost_counts_as_stored() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    let job = scene.submit(Seed::job()).await;
    conclude(&reported(&scene, job).await);
}
