//! What a job's end is when its engine is killed, stopped, restarted or hangs meanwhile.

#[path = "../support/mod.rs"]
mod support;

mod engine;

use std::time::{Duration, Instant};

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ended, ExecutorError};
use longshore_testkit::executor::scene::{Launched, Scene};
use tokio::time::timeout;

use engine::Engine;
use support::Containers;

/// The engine waits up to 15 s for each container when it goes, and ends what is left when it comes.
const RESTART: Duration = Duration::from_mins(2);

/// Runs a test on an engine of its own.
fn on_its_own_engine(options: &str, test: impl AsyncFnOnce(&Engine, &Scene)) {
    on_its_own_engine_with(options, |containers| containers, test);
}

fn on_its_own_engine_with(
    options: &str,
    change: impl FnOnce(Containers) -> Containers,
    test: impl AsyncFnOnce(&Engine, &Scene),
) {
    let Some(shared) = Containers::found() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let Some(engine) = runtime.block_on(Engine::start(shared.address(), options)) else {
        return;
    };
    let containers = change(Containers::at(engine.address()));
    longshore_testkit::executor::run(Some(containers), async |scene: &Scene| {
        test(&engine, scene).await;
    });
}

async fn end_of(launched: Launched) -> Result<Ended, ExecutorError> {
    let ended = timeout(RESTART, launched.end).await;
    ended.unwrap_or_else(|_late| panic!("waited {RESTART:?} in vain: the end"))
}

/// The error of a job whose engine took it along.
async fn lost(launched: Launched) -> String {
    let error = end_of(launched)
        .await
        .expect_err("the exit is not the job's own");
    assert_eq!(error.class, ErrorClass::Unknown, "{error}");
    error.to_string()
}

#[test]
fn the_end_of_a_job_whose_engine_was_killed_is_not_taken_for_its_own() {
    on_its_own_engine("", async |engine, scene| {
        let mut launched = scene.launch(scene.shell("echo on; sleep 1000")).await;
        launched.await_line().await;
        engine.end_by("KILL").await;
        engine.start_again().await;
        let problem = lost(launched).await;
        assert!(problem.contains("restarted"), "{problem}");
    });
}

#[test]
fn the_end_of_a_job_whose_engine_was_stopped_is_not_taken_for_its_own_though_it_says_0() {
    on_its_own_engine("", async |engine, scene| {
        let script = "trap 'exit 0' TERM; echo on; while :; do sleep 0.1; done";
        let mut launched = scene.launch(scene.shell(script)).await;
        launched.await_line().await;
        engine.end_by("TERM").await;
        engine.start_again().await;
        let problem = lost(launched).await;
        assert!(problem.contains("restarted"), "{problem}");
    });
}

#[test]
fn a_job_that_its_engine_let_live_ends_with_its_own_code() {
    on_its_own_engine("--live-restore", async |engine, scene| {
        let mut launched = scene.launch(scene.shell("echo on; sleep 3; exit 7")).await;
        launched.await_line().await;
        engine.end_by("KILL").await;
        engine.start_again().await;
        let ended = end_of(launched).await.expect("it is the job's own");
        assert_eq!(ended.exit.code, Some(7));
    });
}

#[test]
fn an_engine_that_hangs_is_given_up_call_by_call_and_the_job_ends_with_its_own_code() {
    let deadline = Duration::from_secs(2);
    on_its_own_engine_with(
        "",
        |containers| containers.with(|config| config.deadline = deadline),
        async |engine, scene| {
            let mut launched = scene.launch(scene.shell("echo on; sleep 4; exit 7")).await;
            launched.await_line().await;
            engine.signal("STOP");
            let asked = Instant::now();
            let error = scene.executor.usage(&launched.handle).await;
            let error = error.expect_err("it hangs");
            assert_eq!(error.class, ErrorClass::Transient, "{error}");
            let took = asked.elapsed();
            assert!(took >= deadline && took < 5 * deadline, "{took:?}");
            let error = scene.executor.list(&scene.instance).await;
            let error = error.expect_err("it hangs");
            assert_eq!(error.class, ErrorClass::Transient, "{error}");
            engine.signal("CONT");
            let ended = end_of(launched).await.expect("it is the job's own");
            assert_eq!(ended.exit.code, Some(7));
        },
    );
}
