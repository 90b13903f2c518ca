//! Staging what has come due.

use std::time::Duration;

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, new_queue};
use crate::store::seed::Seed;

/// More than any case has.
const MANY: u32 = 1000;

/// When jobs come due: far enough away that all of them are submitted before.
const SOON: Duration = Duration::from_secs(3);

pub async fn due_jobs_of_every_queue_are_staged_in_bounded_passes(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    let soon = scene.store.now().await.expect("now") + SOON;
    let due = |seed: Seed| seed.due_at(soon);
    scene
        .submit_all([
            due(Seed::job()),
            due(Seed::job().queue("other")),
            due(Seed::job()),
            due(Seed::job().held()),
            Seed::job().due_at(soon + LATER),
        ])
        .await;
    scene.wait_until(soon).await;
    assert_eq!(
        scene.store.stage_due(2).await.expect("stage"),
        2,
        "no more than was asked for"
    );
    assert_eq!(scene.store.stage_due(MANY).await.expect("stage"), 1);
    assert_eq!(
        scene.store.stage_due(MANY).await.expect("stage"),
        0,
        "nothing is left to do"
    );
    let metrics = h.open().await.worker_metrics().await.expect("metrics");
    assert_eq!((metrics.ready_now.0, metrics.scheduled_future.0), (3, 1));
}

pub async fn staged_jobs_stand_in_line_by_when_they_were_due(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let soon = scene.store.now().await.expect("now") + SOON;
    let at = |millis| soon + Duration::from_millis(millis);
    let last = scene.submit(Seed::job().due_at(at(200))).await;
    let first = scene.submit(Seed::job().due_at(at(0))).await;
    let urgent = scene.submit(Seed::job().priority(80).due_at(at(400))).await;
    scene.wait_until(at(400)).await;
    scene.store.stage_due(MANY).await.expect("stage");
    assert_eq!(scene.acquire_ids(3).await, [urgent, first, last]);
}

pub async fn twin_passes_stage_each_job_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    let soon = scene.store.now().await.expect("now") + SOON;
    let jobs = scene
        .submit_all((0..60).map(|_| Seed::job().due_at(soon)))
        .await;
    scene.wait_until(soon).await;
    let (a, b) = tokio::join!(scene.store.stage_due(MANY), other.stage_due(MANY));
    let first = a.expect("stage") + b.expect("stage");
    let rest = scene.store.stage_due(MANY).await.expect("stage");
    assert_eq!(first + rest, 60, "{first} by the twins, {rest} after them");
    let mut acquired = scene.acquire_ids(100).await;
    acquired.sort_unstable();
    assert_eq!(acquired, jobs, "each stands in line once");
}
