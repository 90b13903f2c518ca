//! What a job's end is when its engine is killed, stopped, restarted or hangs meanwhile.

#[path = "../support/mod.rs"]
mod support;

mod adopting;

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ended, ExecutorError};
use longshore_core::output::OutputChunk;
use longshore_core::spec::{JobSpec, Network};
use longshore_testkit::executor::scene::{Launched, Scene, collect};
use longshore_testkit::servers::Engine;
use longshore_testkit::wait::eventually;
use tokio::time::timeout;

use support::Containers;

/// The engine waits up to 15 s for each container when it goes, and ends what is left when it comes.
const RESTART: Duration = Duration::from_mins(2);

type Output = BoxStream<'static, Result<OutputChunk, ExecutorError>>;

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
    let Some(engine) = runtime.block_on(Engine::start(shared.address(), support::IMAGE, options))
    else {
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
fn success_that_nobody_saw_while_the_engine_was_away_is_not_taken_for_the_jobs_own() {
    on_its_own_engine("--live-restore", async |engine, scene| {
        let mut launched = scene.launch(scene.shell("echo on; sleep 1; exit 0")).await;
        launched.await_line().await;
        engine.end_by("KILL").await;
        eventually("the job's end", async || {
            (scene.live_processes() == 0).then_some(())
        })
        .await;
        engine.start_again().await;
        // A crash of the whole host would look the same (moby#45788).
        let problem = lost(launched).await;
        assert!(problem.contains("nobody saw it end"), "{problem}");
    });
}

#[test]
fn of_an_engine_whose_runs_cannot_be_told_apart_only_an_end_that_was_seen_is_success() {
    on_its_own_engine("--bridge=none", async |_, scene| {
        for (code, is_believed_later) in [(0, false), (5, true)] {
            let spec = JobSpec {
                networks: vec![Network {
                    name: "none".to_owned(),
                    aliases: vec![],
                }],
                ..scene.shell(&format!("exit {code}"))
            };
            let finished = scene.run(spec).await;
            assert_eq!(finished.code(), code, "it was seen");
            let later = scene.another_executor();
            let watch = later.watch(&finished.handle, None).await;
            let ended = timeout(RESTART, watch.expect("it is there").end).await;
            let ended = ended.expect("in time");
            assert_eq!(ended.is_ok(), is_believed_later, "{ended:?}");
        }
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

/// More than is read ahead of whoever takes it, less than an engine holds for a slow reader.
const TAIL_BYTES: usize = 900_000;

/// Longer than a source of output may be quiet after the end (3 s), so that it is given up and the log
/// is asked in vain as well. Here a time has to pass: what is tested is what the executor does in it.
const HANG: Duration = Duration::from_secs(8);

/// Takes all of a job's output while its engine hangs.
async fn output_over_a_hang(engine: &Engine, output: &mut Output) -> usize {
    engine.signal("STOP");
    let (collected, ()) = tokio::join!(collect(output), async {
        tokio::time::sleep(HANG).await;
        engine.signal("CONT");
    });
    collected.0.len()
}

#[test]
fn an_engine_that_hangs_right_after_the_end_loses_no_output_of_an_attached_job() {
    on_its_own_engine("", async |engine, scene| {
        let script = format!("head -c {TAIL_BYTES} /dev/zero | tr '\\0' x");
        let mut launched = scene.launch(scene.shell(&script)).await;
        // Nobody takes the output: what was not read ahead is still the engine's.
        let ended = timeout(RESTART, &mut launched.end).await;
        let ended = ended.expect("in time").expect("it is the job's own");
        assert_eq!(ended.exit.code, Some(0));
        let got = output_over_a_hang(engine, &mut launched.output).await;
        assert_eq!(got, TAIL_BYTES);
    });
}

#[test]
fn an_engine_that_hangs_while_its_log_is_read_loses_no_output() {
    on_its_own_engine("", async |engine, scene| {
        let script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf '%0999d\\n' $i; done";
        let finished = scene.run(scene.shell(script)).await;
        assert_eq!(finished.stdout.len(), 3_000_000);
        let executor = scene.another_executor();
        let watch = executor.watch(&finished.handle, None).await;
        let mut watch = watch.expect("it can be harvested");
        let ended = timeout(RESTART, &mut watch.end).await;
        ended.expect("in time").expect("it is the job's own");
        let first = watch.output.next().await.expect("there is output");
        let first = first.expect("it can be read").bytes.len();
        let rest = output_over_a_hang(engine, &mut watch.output).await;
        assert_eq!(first + rest, 3_000_000);
    });
}
