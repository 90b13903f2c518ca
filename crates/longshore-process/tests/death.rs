//! What becomes of a job when one of those above it dies.

mod support;
#[path = "support/worker.rs"]
mod worker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::executor::Executor;
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::probe::live_processes;
use longshore_testkit::executor::scene::in_time;
use longshore_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use tokio::join;

use support::{Processes, let_deadlines_pass, scene, shim_of};
use worker::Worker;

/// A family: the main shell and its sleep, a child and a grandchild, a daemon that left the
/// session, ignores what can be ignored, and has a child too.
const FAMILY: &str = "sh -c 'sh -c \"sleep 1000; :\"; :' & \
    { setsid sh -c 'trap \"\" TERM HUP INT; echo up; sleep 1000; :' & } | read line; \
    echo ready; sleep 1000; :";

/// "Promptly", on a machine that does other things too.
const PROMPTLY: Duration = Duration::from_secs(10);

fn executor() -> Arc<dyn Executor> {
    Processes::new().executor()
}

async fn gone_promptly(what: &str, is_gone: impl Fn() -> bool) {
    let began = Instant::now();
    eventually(what, async || is_gone().then_some(())).await;
    assert!(
        began.elapsed() < PROMPTLY,
        "{what}: only after {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_killed_worker_takes_its_job_and_all_its_descendants_along() {
    let mut worker = Worker::start(FAMILY);
    assert_eq!(worker.next_line(), "ready");
    eventually("the family is whole", async || {
        (worker.live_processes() == 7).then_some(())
    })
    .await;
    worker.signal(Signal::SIGKILL);
    gone_promptly("every process of the job has ended", || {
        worker.live_processes() == 0
    })
    .await;
    // Any executor of this host can tell that it is dead, and that stopping it is done.
    let elsewhere = executor();
    eventually("the shim has ended", async || {
        elsewhere.forget(&worker.handle).await.ok()
    })
    .await;
    let stopped = in_time("stop", elsewhere.stop(&worker.handle, Duration::ZERO)).await;
    stopped.expect("what is dead is stopped");
}

#[tokio::test]
async fn a_runtime_that_is_shut_down_leaves_no_shim() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime can be built");
    let (sender, receiver) = tokio::sync::oneshot::channel();
    runtime.spawn(async move {
        let scene = scene();
        let created = scene.prepare(scene.shell("echo ran")).await;
        sender
            .send(created.handle.clone())
            .expect("the test waits for it");
        std::future::pending::<()>().await;
    });
    let handle = in_time("the creation", receiver)
        .await
        .expect("it was created");
    // As abrupt as a thread of ours can be: everything is dropped where it stands.
    runtime.shutdown_background();
    let elsewhere = executor();
    eventually("the shim has ended", async || {
        elsewhere.forget(&handle).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_killed_shim_takes_the_main_process_along_though_nobody_looks() {
    let mut worker = Worker::start("echo ready; exec sleep 1000");
    assert_eq!(worker.next_line(), "ready");
    // So that the death signal alone is at work.
    worker.signal(Signal::SIGSTOP);
    eventually("the job lives", async || {
        (worker.live_processes() == 1).then_some(())
    })
    .await;
    kill(shim_of(&worker.handle), Signal::SIGKILL).expect("the shim lives");
    gone_promptly("the main process has ended", || {
        worker.live_processes() == 0
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_shim_leaves_behind_is_found_and_the_end_is_an_error() {
    let scene = scene();
    let mut launched = scene.launch(scene.shell(FAMILY)).await;
    launched.await_output("ready\n").await;
    kill(shim_of(&launched.handle), Signal::SIGKILL).expect("the shim lives");
    let ended = in_time("the end", launched.end).await;
    assert_eq!(
        scene.live_processes(),
        0,
        "nothing lives when the end is told"
    );
    let error = ended.expect_err("how it ended is not known");
    assert!(error.to_string().contains("shim"), "{error}");
    scene.clear().await;
}

#[tokio::test]
async fn what_a_service_manager_sends_to_a_shim_does_no_harm() {
    let scene = scene();
    let script = "trap 'exit 7' USR1; echo $$; while :; do sleep 0.05; done";
    let mut launched = scene.launch(scene.shell(script)).await;
    let pid = launched.await_line().await;
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGCONT,
        Signal::SIGUSR1,
        Signal::SIGPIPE,
    ] {
        kill(shim_of(&launched.handle), signal).expect("the shim lives");
    }
    // Any of them that meant something would have been acted on before the job ends by itself.
    let pid = Pid::from_raw(pid.parse().expect("a process id"));
    kill(pid, Signal::SIGUSR1).expect("the job lives");
    assert_eq!(launched.finish().await.code(), 7);
    scene.clear().await;
}

#[tokio::test]
async fn a_shim_that_is_told_to_ends_its_job_at_once_and_says_how() {
    let scene = scene();
    let mut launched = scene.launch(scene.shell(FAMILY)).await;
    launched.await_output("ready\n").await;
    kill(shim_of(&launched.handle), Signal::SIGUSR2).expect("the shim lives");
    let finished = launched.finish().await;
    assert_eq!(finished.code(), 128 + 9);
    scene.clear().await;
}

#[tokio::test]
async fn another_worker_of_the_host_can_end_a_job_for_sure() {
    let mut worker = Worker::start(FAMILY);
    assert_eq!(worker.next_line(), "ready");
    let elsewhere = executor();
    let forgotten = in_time("forget", elsewhere.forget(&worker.handle)).await;
    forgotten.expect_err("it runs, under another worker");
    // Its own worker may hang: nobody asks it.
    worker.signal(Signal::SIGSTOP);
    let stopped = in_time("stop", elsewhere.stop(&worker.handle, Duration::ZERO)).await;
    stopped.expect("its shim hears of it");
    assert_eq!(
        worker.live_processes(),
        0,
        "a stop that returned is proof of death"
    );
}

#[tokio::test]
async fn another_worker_of_the_host_gives_up_a_suspended_shim() {
    let mut worker = Worker::start(FAMILY);
    assert_eq!(worker.next_line(), "ready");
    kill(shim_of(&worker.handle), Signal::SIGSTOP).expect("the shim lives");
    let elsewhere = executor();
    let (stopped, ()) = join!(
        elsewhere.stop(&worker.handle, Duration::ZERO),
        let_deadlines_pass()
    );
    stopped.expect("what does not listen can be killed");
    assert_eq!(worker.live_processes(), 0, "a stop is proof of death");
}

#[tokio::test]
async fn a_worker_that_was_started_with_ended_children_ignored_sees_its_job_end() {
    let mut worker = Worker::start_by(&["env", "--ignore-signal=CHLD"], "(true &); exit 7");
    let status = eventually("the worker has ended", async || {
        worker
            .process
            .try_wait()
            .expect("our child can be waited for")
    })
    .await;
    assert_eq!(status.code(), Some(7));
}

#[tokio::test]
async fn dropping_the_executor_ends_its_jobs() {
    let scene = scene();
    let mut launched = scene.launch(scene.shell(FAMILY)).await;
    launched.await_output("ready\n").await;
    let mark = scene.mark();
    drop(scene);
    gone_promptly("every process of the job has ended", || {
        live_processes(&mark) == 0
    })
    .await;
    let ended = in_time("the end", launched.end)
        .await
        .expect("its watch is still told");
    assert_eq!(ended.exit.signal, Some(9));
}
