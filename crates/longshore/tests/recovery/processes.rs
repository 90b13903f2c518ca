//! Processes can't go on without their worker: they end with it, and their jobs run again.

use longshore::{JobSpec, State};

use crate::scene::{Scene, on_both_databases};

on_both_databases!(
    a_job_whose_worker_was_killed_runs_again_uncounted,
    a_job_whose_worker_stalls_is_ended_before_it_runs_again,
);

const QUEUE: &str = "local";

/// Waits in its first attempt until it is killed, together with a child that ignores TERM; ends at
/// once in its second.
const SCRIPT: &str = r#"
echo "START $LONGSHORE_ATTEMPT $$" >>"$WITNESS"
if [ "$LONGSHORE_ATTEMPT" = 1 ]; then
  (trap '' TERM; while :; do echo "BEAT $LONGSHORE_ATTEMPT" >>"$WITNESS"; sleep 0.02; done) &
  wait
fi
echo "END $LONGSHORE_ATTEMPT" >>"$WITNESS"
"#;

fn job(scene: &Scene) -> JobSpec {
    let witness = scene.witness();
    let witness = witness.to_str().expect("temporary paths are UTF-8");
    let mut spec = JobSpec::process(["sh", "-c", SCRIPT]);
    spec.env.insert("WITNESS".to_owned(), witness.into());
    spec.max_retries = Some(0);
    spec
}

/// The second attempt ended well, and nothing of the first lived beside it.
async fn assert_it_ran_again(scene: &Scene, store: &dyn longshore::Store, job: longshore::JobId) {
    let detail = scene.ended(store, job).await;
    assert_eq!(detail.summary.state, State::Completed, "{detail:#?}");
    assert_eq!(detail.attempts_made.len(), 2, "{detail:#?}");
    let lines = scene.lines();
    let second = lines.iter().position(|line| line.starts_with("START 2"));
    let second = second.expect("it ran again");
    let beats = lines[second..]
        .iter()
        .filter(|line| line.starts_with("BEAT 1"));
    assert_eq!(
        beats.count(),
        0,
        "the first ran beside the second: {lines:?}"
    );
}

async fn a_job_whose_worker_was_killed_runs_again_uncounted(scene: Scene) {
    let store = scene.store().await;
    let first = scene.worker(QUEUE, &[]);
    let job = scene.submit(&*store, job(&scene)).await;
    scene
        .until("it runs", |scene| scene.count("BEAT 1") > 2)
        .await;
    first.signal("KILL");
    first.finish();
    let second = scene.worker(QUEUE, &[]);
    assert_it_ran_again(&scene, &*store, job).await;
    second.signal("TERM");
    let ran = second.finish();
    assert_eq!(ran.code, 0, "{}", ran.report());
    scene.conclude(&*store).await;
}

async fn a_job_whose_worker_stalls_is_ended_before_it_runs_again(scene: Scene) {
    let store = scene.store().await;
    let mut first = scene.worker(QUEUE, &[]);
    let mut said = first.stderr_lines();
    let job = scene.submit(&*store, job(&scene)).await;
    scene
        .until("it runs", |scene| scene.count("BEAT 1") > 2)
        .await;
    scene.stall(&first).await;
    let second = scene.worker(QUEUE, &[]);
    assert_it_ran_again(&scene, &*store, job).await;
    first.signal("CONT");
    let told = tokio::task::spawn_blocking(move || {
        said.wait_for("fenced");
        said
    });
    let _said = told.await.expect("it says so");
    for worker in [first, second] {
        worker.signal("TERM");
        let ran = worker.finish();
        assert_eq!(ran.code, 0, "{}", ran.report());
    }
    scene.conclude(&*store).await;
}
