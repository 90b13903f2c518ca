//! A worker that can open no file any more. Alone in its process: the limit is the process's.

mod support;

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::timeout;

use longshore_testkit::executor::scene::in_time;
use longshore_testkit::wait::eventually;
use support::{scene, shim_of};

#[tokio::test]
async fn a_container_whose_remains_can_not_be_swept_is_not_over() {
    let scene = scene();
    // A daemon that only a sweep finds once the shim is gone.
    let script = "setsid sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 1000' & exec sleep 1000";
    let mut launched = scene.launch(scene.shell(script)).await;
    let daemon = launched.await_line().await;
    let daemon = Pid::from_raw(daemon.parse().expect("a process id"));

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("limits can be read");
    setrlimit(Resource::RLIMIT_NOFILE, 3, hard).expect("limits can be lowered");
    let shim = shim_of(&launched.handle);
    kill(shim, Signal::SIGKILL).expect("the shim lives");
    eventually("the shim is reaped", async || {
        (kill(shim, None) == Err(Errno::ESRCH)).then_some(())
    })
    .await;
    let stop = scene.executor.stop(&launched.handle, Duration::ZERO);
    let stopped = timeout(Duration::from_secs(1), stop).await;
    let lives = kill(daemon, None).is_ok();
    let listed = in_time("list", scene.executor.list(&scene.instance)).await;
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("limits can be raised again");

    assert!(lives, "nobody could find it");
    assert!(stopped.is_err(), "a stop that returned is proof of death");
    assert!(listed.is_err(), "nobody could look: {listed:?}");
    let ended = in_time("the end", launched.end).await;
    ended.expect_err("how it ended is not known");
    assert_eq!(scene.live_processes(), 0);
    scene.clear().await;
}
