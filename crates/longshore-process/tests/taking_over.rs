//! What another worker of the machine can tell and do, whatever became of the one that started a job.

mod support;
#[path = "support/worker.rs"]
mod worker;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::{Executor, Fate, Handle, Listed, Phase};
use longshore_testkit::executor::ExecutorHarness as _;
use longshore_testkit::executor::scene::in_time;
use longshore_testkit::skip::skipped;
use longshore_testkit::wait::eventually;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use support::{Processes, scene, shim_of};
use worker::{Worker, identity};

/// Leaves its session, ignores what can be ignored, and says who it is. With `env -i` in front it has
/// nothing in its environment either.
const DAEMON: &str = "setsid {env} sh -c 'trap \"\" TERM HUP INT; echo $$; sleep 1000; :' & \
                      exec sleep 1000";

fn executor() -> Arc<dyn Executor> {
    Processes::new().executor()
}

async fn fate_of(executor: &Arc<dyn Executor>, handle: &Handle) -> Fate {
    let host = executor.host().await.expect("/proc is readable").identity;
    let identity = identity();
    let asked = executor.fate(handle, &identity, &host);
    in_time("fate", asked).await.expect("/proc is readable")
}

async fn listed(executor: &Arc<dyn Executor>, worker: &Worker) -> Option<Listed> {
    let listed = in_time("list", executor.list(&identity().instance)).await;
    let listed = listed.expect("/proc is readable");
    listed
        .into_iter()
        .find(|found| found.handle == worker.handle)
}

fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn number(line: &str) -> Pid {
    Pid::from_raw(line.parse().expect("a process id"))
}

/// Kills worker and shim, so that nobody sweeps.
fn kill_both(worker: &Worker) {
    worker.signal(Signal::SIGSTOP);
    kill(shim_of(&worker.handle), Signal::SIGKILL).expect("the shim lives");
    worker.signal(Signal::SIGKILL);
}

/// A daemon whose worker and shim are dead is found by another worker, and ended for good.
async fn is_found_and_ended(mut worker: Worker) {
    let daemon = number(&worker.next_line());
    let other = executor();
    assert_eq!(fate_of(&other, &worker.handle).await, Fate::Running);
    kill_both(&worker);
    eventually("the shim has ended", async || {
        (!lives(shim_of(&worker.handle))).then_some(())
    })
    .await;
    assert!(lives(daemon), "nobody has ended it");
    assert_eq!(fate_of(&other, &worker.handle).await, Fate::Running);
    let found = listed(&other, &worker).await.expect("it is listed");
    assert_eq!((found.identity, found.phase), (identity(), Phase::Running));
    let stopped = in_time("stop", other.stop(&worker.handle, Duration::ZERO)).await;
    stopped.expect("it can be killed");
    assert!(!lives(daemon), "a stop is a proof of death");
    assert_eq!(fate_of(&other, &worker.handle).await, Fate::Gone);
    assert_eq!(listed(&other, &worker).await, None);
    assert_eq!(groups_of(&worker.handle), 0, "and its group is removed");
}

/// How many control groups bear the name of that container.
fn groups_of(handle: &Handle) -> usize {
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for below in fs::read_dir(folder).into_iter().flatten().flatten() {
            if below.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = below.file_name().to_string_lossy().into_owned();
                found += usize::from(name.contains(&handle.0));
                folders.push(below.path());
            }
        }
    }
    found
}

#[tokio::test]
async fn what_left_its_session_is_found_when_worker_and_shim_are_killed() {
    is_found_and_ended(Worker::start(&DAEMON.replace("{env}", ""))).await;
}

#[tokio::test]
async fn what_cleaned_its_environment_too_is_found_by_its_control_group() {
    let worker = Worker::start(&DAEMON.replace("{env}", "env -i"));
    if groups_of(&worker.handle) == 0 {
        skipped("this user may make no control group here");
        return;
    }
    is_found_and_ended(worker).await;
}

#[tokio::test]
async fn a_killed_worker_takes_along_even_what_nothing_but_its_shim_can_find() {
    let mut worker = Worker::start(&DAEMON.replace("{env}", "env -i"));
    let daemon = number(&worker.next_line());
    worker.signal(Signal::SIGKILL);
    eventually("the daemon has ended", async || {
        (!lives(daemon)).then_some(())
    })
    .await;
    let other = executor();
    eventually("it is known", async || {
        (fate_of(&other, &worker.handle).await == Fate::Gone).then_some(())
    })
    .await;
    assert_eq!(groups_of(&worker.handle), 0);
}

#[tokio::test]
async fn another_workers_job_has_its_grace() {
    let folder = std::env::temp_dir().join(format!("engine-grace-{:x}", rand::random::<u64>()));
    let script = format!(
        "trap 'sleep 0.2; echo cleaned > {}; exit' TERM; echo ready; \
         while :; do sleep 0.05; done",
        folder.display()
    );
    let mut worker = Worker::start(&script);
    assert_eq!(worker.next_line(), "ready");
    // It stalls; nobody asks it.
    worker.signal(Signal::SIGSTOP);
    let other = executor();
    let stopped = other.stop(&worker.handle, Duration::from_mins(10));
    in_time("stop", stopped).await.expect("it ends by itself");
    let cleaned = fs::read_to_string(&folder).unwrap_or_default();
    let _ = fs::remove_file(&folder);
    assert_eq!(cleaned, "cleaned\n");
    assert_eq!(fate_of(&other, &worker.handle).await, Fate::Gone);
}

#[tokio::test]
async fn a_process_that_has_the_number_of_a_dead_one_is_let_alone() {
    let mut worker = Worker::start("echo ready; exec sleep 1000");
    assert_eq!(worker.next_line(), "ready");
    let parts: Vec<&str> = worker.handle.0.split(':').collect();
    let [boot, pid, start, namespace] = parts[..] else {
        panic!("not as documented: {}", worker.handle);
    };
    let start: u64 = start.parse().expect("a number");
    let earlier = Handle(format!("{boot}:{pid}:{}:{namespace}", start - 1));
    let other = executor();
    assert_eq!(fate_of(&other, &earlier).await, Fate::Gone);
    let stopped = in_time("stop", other.stop(&earlier, Duration::from_secs(1))).await;
    stopped.expect("it is dead already");
    assert!(lives(shim_of(&worker.handle)) && worker.live_processes() == 1);
    assert_eq!(fate_of(&other, &worker.handle).await, Fate::Running);
}

#[tokio::test]
async fn what_another_boot_of_the_machine_ran_is_gone_and_what_another_namespace_runs_is_unknown() {
    let mut worker = Worker::start("echo ready; exec sleep 1000");
    assert_eq!(worker.next_line(), "ready");
    let (boot, rest) = worker.handle.0.split_once(':').expect("as documented");
    let (numbers, namespace) = rest.rsplit_once(':').expect("as documented");
    let other = executor();
    let before = Handle(format!("00000000-0000-0000-0000-000000000000:{rest}"));
    assert_eq!(fate_of(&other, &before).await, Fate::Gone);
    let identity = identity();
    let asked = other.fate(&before, &identity, "another machine");
    let fate = asked.await.expect("/proc is readable");
    assert!(matches!(fate, Fate::Unknown(_)), "{fate:?}");
    let elsewhere = Handle(format!("{boot}:{numbers}:{namespace}1"));
    let fate = fate_of(&other, &elsewhere).await;
    assert!(
        matches!(&fate, Fate::Unknown(why) if why.contains("namespace")),
        "{fate:?}"
    );
}

#[tokio::test]
async fn a_worker_in_a_pid_namespace_of_its_own_is_not_mistaken_for_one_outside() {
    if !Uid::effective().is_root() {
        skipped("a namespace of its own takes root");
        return;
    }
    let by = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let mut worker = Worker::start_by(&by, "echo ready; exec sleep 1000");
    assert_eq!(worker.next_line(), "ready");
    let outside = executor();
    let fate = fate_of(&outside, &worker.handle).await;
    assert!(
        matches!(&fate, Fate::Unknown(why) if why.contains("namespace")),
        "{fate:?}"
    );
    let all = in_time("list", outside.list(&identity().instance)).await;
    let ours = all.expect("/proc is readable");
    assert!(
        ours.iter().all(|found| found.handle != worker.handle),
        "{ours:?}"
    );
    let stopped = in_time("stop", outside.stop(&worker.handle, Duration::ZERO)).await;
    stopped.expect_err("its numbers mean others out here");
    // Nobody out here was listed for it under a number of out here.
    let mark = worker.mark.clone();
    let its = |found: &Listed| {
        let pid = shim_of(&found.handle);
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(children).unwrap_or_default();
        children.split_ascii_whitespace().any(|child| {
            let env = fs::read(format!("/proc/{child}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&env).contains(&mark)
        })
    };
    assert!(!ours.iter().any(its), "{ours:?}");
}

#[tokio::test]
async fn a_job_leaves_no_control_group_behind() {
    let scene = scene();
    for script in ["true", "sleep 1000 & (setsid sleep 1000 &); exit 3"] {
        let finished = scene.run(scene.shell(script)).await;
        assert_eq!(groups_of(&finished.handle), 0, "{script}");
    }
    let error = scene
        .fail_to_start(scene.command(&["/no/such/program"]))
        .await;
    assert!(error.to_string().contains("/no/such/program"), "{error}");
    scene.clear().await;
}
