//! Containers that have ended are removed, however long their host takes to let that happen.

use std::time::Duration;

use longshore_queue::Until;
use tokio::time::{Instant, sleep};

use crate::support::{Scene, Script, until};

const SECOND: Duration = Duration::from_secs(1);

fn removed_only_after(errors: u32) -> Script {
    Script {
        forget_errors: errors,
        ..Script::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_fails_for_minutes_is_made_good_while_the_worker_lives() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    // The pauses of fourteen tries add up to between 200 and 400 s.
    scene.scripted(removed_only_after(14));
    let began = Instant::now();
    let worker = scene.start();
    until("the container is removed", || {
        scene.executor.starts(1) == 1 && scene.executor.left() == 0
    })
    .await;
    assert!(began.elapsed() > 60 * SECOND, "{:?}", began.elapsed());
    // The slots were free all the while.
    scene.scripted(Script::default());
    until("the next one is removed", || {
        scene.executor.starts(2) == 1 && scene.executor.left() == 0
    })
    .await;
    worker.shutdown.drain();
    assert_eq!(worker.ended().await.completed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_drain_hurries_removals_that_wait_for_their_next_try() {
    let mut scene = Scene::new();
    scene.config.until = Until::Stopped;
    scene.scripted(removed_only_after(14));
    let worker = scene.start();
    until("it ran", || scene.journal.count("exited") == 1).await;
    // By now there is a long pause between two tries.
    sleep(40 * SECOND).await;
    assert_eq!(scene.executor.left(), 1);
    worker.shutdown.drain();
    worker.ended().await;
    assert_eq!(scene.executor.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_never_succeeds_holds_up_no_drain() {
    let scene = Scene::new();
    scene.scripted(removed_only_after(u32::MAX));
    let began = Instant::now();
    scene.work().await;
    assert!(began.elapsed() < 30 * SECOND, "{:?}", began.elapsed());
    assert_eq!(scene.executor.left(), 1, "it is left over");
}
