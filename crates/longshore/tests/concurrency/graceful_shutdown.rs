//! `GracefulShutdownTestCase`: what a shutdown waits for, and what becomes of the rest.

use std::fs;
use std::time::Duration;

use futures_util::FutureExt as _;
use longshore::{JobCompletionTracker, JobId, JobSpec, State};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::wait::eventually;

use crate::ledger;
use crate::scene::Scene;
use crate::support::Ran;
use crate::workplace::{PATIENCE, QUEUE, finish, make_queue, submit, worker};

on_both_stores!(
    a_worker_that_is_told_to_stop_waits_for_what_runs,
    a_worker_whose_grace_is_over_gives_its_jobs_back_uncounted,
);

fn three_running() -> JobCompletionTracker {
    let tracker = JobCompletionTracker::new();
    for id in 1..=3 {
        tracker.add_running_job(JobId(id));
    }
    tracker
}

/// Waiting ends with the last job, not before: seen after each of them, without a clock.
#[tokio::test]
async fn test_shutdown_waits_for_running_jobs() {
    let tracker = three_running();
    let mut waiting = std::pin::pin!(tracker.wait_for_completion(PATIENCE));
    let mut judged = Judged::Passed;
    for id in 1..=3 {
        let too_early = (&mut waiting).now_or_never();
        judged = judged.and(|| {
            holds("S10", too_early.is_none(), || {
                format!("it ended with {} jobs left", 4 - id)
            })
        });
        tracker.mark_job_completed(JobId(id));
    }
    let completed = waiting.await;
    judged = judged
        .and(|| holds("L5", completed, || "it did not see the last end".to_owned()))
        .and(|| {
            holds("S12", tracker.get_running_count() == 0, || {
                "some are left".to_owned()
            })
        });
    conclude(&judged);
}

/// Jobs that do not end are not waited for longer than was said, and are still on the books.
#[tokio::test(start_paused = true)]
async fn test_shutdown_timeout_handling() {
    let tracker = three_running();
    let begun = tokio::time::Instant::now();
    let completed = tracker.wait_for_completion(Duration::from_secs(1)).await;
    // The clock of the test, which goes on only when nothing else is to be done.
    let waited = begun.elapsed();
    let running = tracker.get_running_count();
    let judged = holds("S10", !completed, || {
        "it says that all have ended".to_owned()
    })
    .and(|| {
        holds("S12", running == 3, || {
            format!("{running} of 3 are on the books")
        })
    })
    .and(|| {
        let is_right = (1000..=1010).contains(&waited.as_millis());
        holds("L5", is_right, || {
            format!("it waited {waited:?}, not a second")
        })
    });
    conclude(&judged);
}

/// A job that says when it starts and ends, and ends once there is a file `go`.
fn until_go(scene: &Scene) -> JobSpec {
    let script = r#"
        printf 'START %s %s\n' "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" >>ledger
        until test -e go; do sleep 0.02; done
        printf 'END %s %s\n' "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" >>ledger"#;
    let folder = scene
        .home
        .path()
        .to_str()
        .expect("temporary paths are UTF-8");
    let mut spec = JobSpec::process(["sh", "-c", script]);
    spec.queue = Some(QUEUE.to_owned());
    spec.working_directory = Some(folder.to_owned());
    spec
}

/// What the jobs wrote: starts and ends.
fn written(scene: &Scene) -> (usize, usize) {
    let ledger = fs::read_to_string(scene.home.path().join("ledger")).unwrap_or_default();
    let count = |word| ledger.lines().filter(|line| line.starts_with(word)).count();
    (count("START"), count("END"))
}

const JOBS: usize = 3;

/// A worker that runs three jobs of six, when it is told to stop.
async fn told_to_stop(
    scene: &Scene,
    store: &dyn longshore::Store,
    grace: &str,
) -> (Vec<JobId>, crate::support::Running) {
    make_queue(store, None).await;
    let jobs = submit(store, (0..2 * JOBS).map(|_| until_go(scene))).await;
    let most = JOBS.to_string();
    let running = worker(
        scene,
        &["--max-concurrent", &most, "--shutdown-timeout", grace],
    );
    eventually("three run", async || {
        (written(scene).0 == JOBS).then_some(())
    })
    .await;
    eventually("the store knows", async || {
        let states = store.states(&jobs[..JOBS]).await.expect("they are there");
        states
            .iter()
            .all(|state| *state == State::Running)
            .then_some(())
    })
    .await;
    running.signal("TERM");
    (jobs, running)
}

async fn ended(running: crate::support::Running) -> Ran {
    let ended = tokio::task::spawn_blocking(move || running.finish());
    ended.await.expect("it ends")
}

/// SIGTERM while three jobs run and three wait: those that run end under it, the others are not taken.
async fn a_worker_that_is_told_to_stop_waits_for_what_runs(scene: Scene) {
    let store = scene.store().await;
    let (jobs, mut running) = told_to_stop(&scene, &*store, "60s").await;
    let mut said = running.stderr_lines();
    let drains = tokio::task::spawn_blocking(move || {
        while !said.next_line().contains("draining: nothing more is taken") {}
        said
    });
    let said = drains.await.expect("it says that it drains");
    let states = store.states(&jobs).await.expect("they are there");
    let still = states
        .iter()
        .filter(|state| **state == State::Running)
        .count();
    scene.home.file("go", "");
    let ran = ended(running).await;
    drop(said);
    let states = store.states(&jobs).await.expect("they are there");
    let details = ledger::read(&*store, &jobs[..JOBS]).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let expected = [[State::Completed; JOBS], [State::Queued; JOBS]].concat();
    let judged = holds("S10", states == expected, || format!("{states:?}"))
        .and(|| ledger::each_completed_once(&details))
        .and(|| {
            holds("S10", written(&scene) == (JOBS, JOBS), || {
                format!("{:?}", written(&scene))
            })
        })
        .and(|| holds("S10", ran.code == 0, || ran.report()))
        .and(|| at_rest)
        .and(|| {
            exercised(still == JOBS, || {
                format!("{still} ran when it was told to stop")
            })
        });
    conclude(&judged);
}

/// Jobs that go on past the grace time are stopped and given back, uncounted; another worker runs each
/// of them to its end, and no two of one job ever run at once.
async fn a_worker_whose_grace_is_over_gives_its_jobs_back_uncounted(scene: Scene) {
    let store = scene.store().await;
    let (jobs, running) = told_to_stop(&scene, &*store, "100ms").await;
    let ran = ended(running).await;
    let given_back = ledger::read(&*store, &jobs).await;
    let waiting = given_back
        .iter()
        .filter(|job| job.summary.state == State::Queued)
        .count();
    let (starts, ends) = written(&scene);
    scene.home.file("go", "");
    finish(vec![worker(&scene, &["--until-empty"])]).await;
    let details = ledger::read(&*store, &jobs).await;
    let at_rest = ledger::metrics_equal_tables(&*store).await;
    store.close().await;
    let completed = details
        .iter()
        .filter(|job| job.summary.state == State::Completed)
        .count();
    let attempts: Vec<usize> = details.iter().map(|job| job.attempts_made.len()).collect();
    let judged = holds("S10", ran.code == 0, || ran.report())
        .and(|| {
            holds("S10", waiting == 2 * JOBS, || {
                format!("{waiting} of {} wait again", 2 * JOBS)
            })
        })
        .and(|| {
            holds("S4", completed == 2 * JOBS, || {
                format!("{completed} completed")
            })
        })
        // First those that were given back, each by a second attempt.
        .and(|| {
            holds("S1", attempts == [2, 2, 2, 1, 1, 1], || {
                format!("attempts: {attempts:?}")
            })
        })
        .and(|| {
            let all = written(&scene);
            holds("S2", all == (3 * JOBS, 2 * JOBS), || {
                format!("starts and ends: {all:?}")
            })
        })
        .and(|| at_rest)
        .and(|| {
            exercised((starts, ends) == (JOBS, 0), || {
                format!("{starts} started, {ends} ended")
            })
        });
    conclude(&judged);
}
