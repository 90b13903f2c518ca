//! What a job used is measured: roughly, but of the right size.
//!
//! Alone in the test process: some executors only sample, and jobs as short as these would slip
//! through on a machine that is busy with other cases.

use std::time::Duration;

use crate::wait::{PATIENCE, eventually};

use super::scene::{Scene, in_time};

/// Counts in the shell: a good part of a second on any machine, all of it CPU time.
/// Longer than it takes an engine to look twice.
const BUSY: &str = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; sleep 2";

pub async fn cpu_time_is_that_of_the_job(scene: &Scene) {
    let idle = scene
        .run(scene.shell("sleep 2"))
        .await
        .ended
        .usage
        .cpu()
        .expect("measured");
    let busy = scene
        .run(scene.shell(BUSY))
        .await
        .ended
        .usage
        .cpu()
        .expect("measured");
    assert!(idle < Duration::from_millis(400), "a sleep took {idle:?}");
    assert!(
        busy > Duration::from_millis(100),
        "a million rounds took {busy:?}"
    );
    assert!(busy < PATIENCE, "a million rounds took {busy:?}");
}

pub async fn cpu_time_of_children_counts(scene: &Scene) {
    let script = format!("sh -c '{BUSY}'; :");
    let busy = scene
        .run(scene.shell(&script))
        .await
        .ended
        .usage
        .cpu()
        .expect("measured");
    assert!(
        busy > Duration::from_millis(100),
        "a million rounds took {busy:?}"
    );
}

pub async fn peak_memory_is_that_of_the_job(scene: &Scene) {
    let peak = async |script| {
        scene
            .run(scene.shell(script))
            .await
            .ended
            .usage
            .peak_memory_bytes
            .expect("measured")
    };
    // Engines look once a second.
    let small = peak("sleep 2").await;
    // The shell holds fifty million bytes in a variable.
    let large = peak("x=$(head -c 50000000 /dev/zero | tr '\\0' x); sleep 2; echo ${#x}").await;
    assert!(small < 40_000_000, "{small} bytes for a shell");
    assert!(
        (50_000_000..1_000_000_000).contains(&large),
        "{large} bytes for fifty million"
    );
}

pub async fn usage_is_measured_while_the_job_runs(scene: &Scene) {
    let launched = scene.launch(scene.shell("while :; do :; done")).await;
    let usage = eventually("a tenth of a second of CPU time", async || {
        let usage = in_time("usage", scene.executor.usage(&launched.handle)).await;
        let sample = usage.unwrap_or_else(|error| panic!("{error}"));
        sample
            .usage
            .cpu()
            .is_some_and(|cpu| cpu > Duration::from_millis(100))
            .then_some(sample)
    })
    .await;
    assert!(
        usage.usage.peak_memory_bytes.expect("measured") > 50_000,
        "{usage:?}"
    );
    let now = usage.memory_bytes.expect("measured");
    assert!(
        (50_000..40_000_000).contains(&now),
        "{now} bytes for a shell"
    );
    scene.stop(&launched.handle, Duration::ZERO).await;
    let ended = in_time("the end", launched.end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        ended.usage.cpu() > Some(Duration::from_millis(100)),
        "{ended:?}"
    );
}
