//! The product's own workers, on scripted jobs that write of their own lives.

use std::sync::Arc;
use std::time::Duration;

use longshore::{Executor, Store};
use longshore_history::{self as history, Exercise, Verdict};
use longshore_queue::{GracefulShutdown, Until, Worker, WorkerConfig};
use longshore_testkit::scripted::{Gate, Script, ScriptedExecutor};

use crate::scene::{QUEUE, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_a_recorded_store_pass_and_their_history_is_of_what_they_did() {
    let scene = Scene::with_limit(3).await;
    let gate = Gate::closed();
    let ends = gate.clone();
    let executor = ScriptedExecutor::scripted(move |_| Script::exits(0).ends_behind(ends.clone()))
        .witnessed_by(Arc::clone(scene.store.journal()));
    let mut jobs = Vec::new();
    for _ in 0..20 {
        jobs.push(scene.submit(Scene::spec()).await);
    }
    let shutdown = GracefulShutdown::new();
    let worker = |name: &str| {
        let config = WorkerConfig {
            name: name.to_owned(),
            queues: vec![QUEUE.to_owned()],
            poll_interval: Duration::from_millis(20),
            until: Until::Empty,
            ..WorkerConfig::default()
        };
        let store: Arc<dyn Store> = Arc::new(scene.store.clone());
        let executors = vec![Arc::new(executor.clone()) as Arc<dyn Executor>];
        Worker::new(store, executors, config).expect("a valid configuration")
    };
    let (one, two) = (worker("one"), worker("two"));
    let full = async {
        executor.wait_until_live(3).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(one.run(&shutdown), two.run(&shutdown), full);
    first.expect("it began");
    second.expect("it began");
    scene.store.look_at_rest(true).await.expect("a look");

    let must = Exercise {
        waiting_lines: true,
        rest: true,
        ..Exercise::default()
    };
    let expectation = scene.expectation(&jobs, must).await;
    scene.passes(&expectation);

    // One line less, and it is no longer what happened.
    let text = scene.store.journal().text();
    let without_an_end: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with(&format!("END {} ", jobs[0])))
        .collect();
    let witness = history::Witness::parse(&without_an_end).expect("whole lines");
    let verdict = history::check(&witness, &expectation);
    assert!(matches!(verdict, Verdict::Violated { .. }), "{verdict}");
}
