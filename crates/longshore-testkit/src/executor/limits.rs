//! A limit that an executor declares holds.

use std::time::Duration;

use longshore_core::executor::Capability;
use longshore_core::spec::{JobSpec, Mount, MountKind};

use crate::wait::eventually;

use super::scene::{Scene, in_time};

/// Wants more memory than it may have.
const GREEDY: &str = "exec tail -c 200000000 /dev/zero";
/// A child of it does, and the job goes on.
const GREEDY_CHILD: &str = "tail -c 200000000 /dev/zero; echo went on; exit 0";

/// The same, and the job is there for a while yet: who is killed is known to the kernel at once, and to
/// an engine a moment later, from an event beside that of the job's end.
const GREEDY_CHILD_BEFORE_ITS_END: &str =
    "tail -c 200000000 /dev/zero; echo went on; sleep 2; exit 0";

fn with_little_memory(scene: &Scene, script: &str) -> JobSpec {
    JobSpec {
        memory: Some(32 << 20),
        ..scene.shell(script)
    }
}

pub async fn a_job_that_wants_more_memory_than_its_limit_is_killed(scene: &Scene) {
    if !scene.can(Capability::MemoryLimit) {
        return;
    }
    let finished = scene.run(with_little_memory(scene, GREEDY)).await;
    assert_eq!(finished.code(), 128 + 9);
    let finished = scene.run(with_little_memory(scene, GREEDY_CHILD)).await;
    assert_eq!((finished.text(), finished.code()), ("went on\n", 0));
    let finished = scene.run(with_little_memory(scene, "echo modest")).await;
    assert_eq!((finished.text(), finished.code()), ("modest\n", 0));
    assert!(!finished.ended.exit.oom_killed);
}

pub async fn what_was_killed_for_memory_is_flagged(scene: &Scene) {
    if !scene.can(Capability::MemoryLimit) {
        return;
    }
    // Apart from the code, which a child that is killed need not change.
    let finished = scene
        .run(with_little_memory(scene, GREEDY_CHILD_BEFORE_ITS_END))
        .await;
    assert_eq!(finished.code(), 0);
    assert!(finished.ended.exit.oom_killed);
}

pub async fn a_job_can_have_no_more_processes_than_its_limit(scene: &Scene) {
    if !scene.can(Capability::PidsLimit) {
        return;
    }
    let script = "i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done; echo all";
    let spec = |limit| JobSpec {
        pids_limit: Some(limit),
        ..scene.shell(script)
    };
    let refused = scene.run(spec(20)).await;
    assert_ne!(refused.code(), 0, "{}", refused.text());
    let fine = scene.run(spec(100)).await;
    assert_eq!((fine.text(), fine.code()), ("all\n", 0));
}

pub async fn a_job_gets_no_more_of_the_cpus_than_its_limit(scene: &Scene) {
    if !scene.can(Capability::CpuLimit) {
        return;
    }
    let spec = JobSpec {
        cpus: Some(0.2),
        ..scene.shell("while :; do :; done")
    };
    let launched = scene.launch(spec).await;
    let cpu = async || {
        let usage = in_time("usage", scene.executor.usage(&launched.handle)).await;
        usage.unwrap_or_else(|error| panic!("{error}")).usage.cpu()
    };
    let began = tokio::time::Instant::now();
    let first = eventually("it runs", cpu).await;
    eventually("a second and a half", async || {
        (began.elapsed() > Duration::from_millis(1500)).then_some(())
    })
    .await;
    let used = cpu().await.expect("it runs").saturating_sub(first);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64();
    assert!(share < 0.4, "it had {share:.2} of a CPU");
    scene.stop(&launched.handle, Duration::ZERO).await;
}

pub async fn memory_is_mounted_where_the_spec_says(scene: &Scene) {
    if !scene.can(Capability::Mounts) {
        return;
    }
    let spec = JobSpec {
        mounts: vec![Mount {
            kind: MountKind::Tmpfs,
            source: None,
            target: "/scratch".to_owned(),
            read_only: false,
        }],
        ..scene.shell(
            "echo kept > /scratch/file && cat /scratch/file && grep -c /scratch /proc/mounts",
        )
    };
    assert_eq!(scene.run(spec).await.text(), "kept\n1\n");
}
