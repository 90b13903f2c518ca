//! Drains: what runs is handed over alive, under heartbeats that go on.

use std::time::Duration;

use longshore_core::executor::Capability;
use longshore_fault::Gate;
use longshore_queue::{GracefulShutdown, Until, WorkerConfig};
use longshore_testkit::judged::{conclude, exercised, holds};
use longshore_testkit::scripted::ScriptedExecutor;
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;
use longshore_testkit::wait::eventually;

use super::gates::Pg;
use super::working::worker;

fn surviving() -> ScriptedExecutor {
    let capabilities = [Capability::Commands, Capability::SurvivesWorker];
    ScriptedExecutor::run_until_released().with_capabilities(capabilities)
}

#[tokio::test]
async fn what_a_shutdown_leaves_alive_is_not_started_again() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    scene.submit(Seed::job()).await;
    let executor = surviving();
    let config = WorkerConfig {
        shutdown_timeout: Duration::from_millis(50),
        ..WorkerConfig::default()
    };
    let first = worker(&scene, &executor, config.clone());
    let shutdown = GracefulShutdown::new();
    let told = shutdown.clone();
    let first = tokio::spawn(async move { first.run(&told).await });
    executor.wait_until_live(1).await;
    shutdown.drain();
    let report = first.await.expect("no panic").expect("the worker begins");
    let config = WorkerConfig {
        until: Until::OneBatch,
        ..config
    };
    let second = worker(&scene, &executor, config);
    let told = GracefulShutdown::new();
    tokio::select! {
        ended = second.run(&told) => drop(ended.expect("the worker begins")),
        () = executor.wait_until_live(2) => {}
    }
    let live = executor.live();
    let judged = holds("S2", live.len() <= 1, || {
        format!("containers of one job: {live:?}")
    });
    conclude(&judged.and(|| exercised(live.len() == 1, || format!("{report:?}"))));
}

#[tokio::test]
async fn a_worker_that_drains_counts_as_alive_until_its_last_job_has_ended() {
    let pg = Pg::new().await;
    let scene = Scene::open(&pg).await;
    scene.submit(Seed::job()).await;
    let executor = surviving();
    let config = WorkerConfig {
        lease_ttl: Duration::from_secs(1),
        ..WorkerConfig::default()
    };
    let beats = Gate::counting("heartbeat.answered");
    let worker = worker(&scene, &executor, config);
    let shutdown = GracefulShutdown::new();
    let told = shutdown.clone();
    let running = tokio::spawn(async move { worker.run(&told).await });
    executor.wait_until_live(1).await;
    let drain = Gate::at("drain.held_back", 1);
    shutdown.drain();
    drain.arrived().await;
    drain.go();
    let before = beats.keys().len();
    // As many beats as outlast a lease, or the store's word that it is dead.
    let alive = eventually("it beats, or is dead", async || {
        let workers = scene.store.workers(true).await.expect("a list");
        let dead = workers.iter().any(|w| w.live > 0 && !w.alive);
        (dead || beats.keys().len() >= before + 8).then_some(!dead)
    })
    .await;
    executor.release_all();
    let report = running.await.expect("no panic").expect("the worker begins");
    let judged = holds("S10", alive, || {
        "it drains, has a live job, and counts as dead: others may take it".to_owned()
    });
    conclude(&judged.and(|| exercised(report.completed == 1, || format!("{report:?}"))));
}
