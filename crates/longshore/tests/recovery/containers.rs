//! Containers go on without their worker: another finds and continues them.

use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, FinishOutcome, LeaseKey};
use longshore_testkit::wait::eventually;

use crate::scene::{Scene, on_both_databases};
use crate::stage::Stage;

on_both_databases!(
    a_container_whose_worker_was_killed_goes_on_under_another,
    a_container_that_ended_meanwhile_is_harvested,
    a_container_is_handed_over_alive_at_a_shutdown,
    a_worker_that_stalled_past_its_lease_changes_nothing,
    a_container_that_no_lease_stands_for_is_stopped,
    what_a_container_uses_is_one_curve_under_two_workers,
);

async fn a_container_whose_worker_was_killed_goes_on_under_another(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn what_a_container_uses_is_one_curve_under_two_workers(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    let points = async |at_least: usize| {
        eventually("it is measured", async || {
            let used = stage.store.usage_of(job).await.expect("a look");
            let points = used.into_iter().next()?.points;
            (points.len() >= at_least).then_some(points)
        })
        .await
    };
    let before = points(1).await;
    first.signal("KILL");
    first.finish();
    let second = stage.worker(&[]);
    let after = points(before.len() + 2).await;
    assert_eq!(after[..before.len()], before, "what was noted stays");
    assert!(after.is_sorted_by(|a, b| a.after_ms < b.after_ms && a.cpu_micros <= b.cpu_micros));
    assert!(
        after.iter().all(|point| point.memory_bytes > Some(50_000)),
        "{after:?}"
    );
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_container_that_ended_meanwhile_is_harvested(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    stage.scene.open_the_gate();
    stage
        .scene
        .until("it ends", |scene| scene.count("END") == 1)
        .await;
    let second = stage.worker(&[]);
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_container_is_handed_over_alive_at_a_shutdown(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&["--shutdown-timeout", "0s"]);
    let job = stage.running_job().await;
    first.signal("TERM");
    let ran = first.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    assert!(ran.stderr.contains("1 left running"), "{}", ran.report());
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![second]).await;
}

async fn a_worker_that_stalled_past_its_lease_changes_nothing(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let mut first = stage.worker(&[]);
    let mut said = first.stderr_lines();
    let job = stage.running_job().await;
    stage.scene.stall(&first).await;
    let second = stage.worker(&[]);
    stage.until_its_output_goes_on(job).await;
    first.signal("CONT");
    let told = tokio::task::spawn_blocking(move || {
        said.wait_for("fenced");
        said
    });
    let _said = told.await.expect("it says so");
    stage.scene.open_the_gate();
    stage.assert_it_ran_once(job).await;
    stage.conclude(vec![first, second]).await;
}

/// Its lease is ended behind its back, as by a word that its host is gone; then its host is reached again.
async fn a_container_that_no_lease_stands_for_is_stopped(scene: Scene) {
    let Some(stage) = Stage::new(scene).await else {
        return;
    };
    let first = stage.worker(&[]);
    let job = stage.running_job().await;
    first.signal("KILL");
    first.finish();
    let detail = stage.store.show_job(job).await.expect("the store answers");
    let attempt = detail.attempts_made.last().expect("it runs");
    let lease = LeaseKey {
        job,
        attempt: attempt.attempt,
        token: attempt.token,
    };
    let finish = Finish {
        lease,
        record: AttemptRecord::of(Outcome::HostLost),
        then: Disposition::Settle(TerminalState::Failed),
    };
    let ended = stage
        .store
        .finish(&[finish])
        .await
        .expect("the store answers");
    assert_eq!(ended, [FinishOutcome::Finished]);
    assert_eq!(
        stage.running_containers().await.len(),
        1,
        "it runs, and nobody minds it"
    );
    let foreign = stage.foreign_container().await;

    let second = stage.worker(&[]);
    let begun = std::time::Instant::now();
    while !stage.running_containers().await.is_empty() {
        assert!(begun.elapsed() < crate::support::DEADLINE, "it goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(stage.scene.count("END"), 0);
    assert!(stage.docker(&["ps", "-q", "--no-trunc"]).contains(&foreign));
    stage.docker(&["rm", "-f", &foreign]);
    stage.conclude(vec![second]).await;
}
