//! Limits hold while others are in the middle of acquiring.

use longshore_core::limit::Limit;
use longshore_core::queue::QueueChange;
use longshore_core::store::{AcquireRequest, Leases as _, Registry as _};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::store::scene::Scene;
use longshore_testkit::store::seed::Seed;

use super::gates::{BEFORE_COMMIT, BEFORE_TAKING, Pg};

fn within(limit: usize, first: usize, then: usize) -> Judged {
    holds("S3", first + then <= limit, || {
        format!("{first} and {then} leases live under a limit of {limit}")
    })
    .and(|| exercised(first > 0, || "nothing was acquired".to_owned()))
}

#[tokio::test]
async fn nobody_takes_what_another_that_has_counted_is_about_to_take() {
    let pg = Pg::gated_at(BEFORE_TAKING).await;
    let scene = Scene::limited(&pg, 1).await;
    scene.submit_all(Seed::jobs(3)).await;
    let first = pg.held(scene.request(1)).await;
    // It waits for the queue's lock, in vain; what it gets instead would be too much.
    let second = pg.hasty().await.acquire(scene.request(1)).await;
    let second = second.map_or(0, |acquired| acquired.leases.len());
    conclude(&within(1, first.go().await.leases.len(), second));
}

#[tokio::test]
async fn whoever_waited_for_the_lock_counts_what_was_taken_meanwhile() {
    let pg = Pg::gated_at(BEFORE_TAKING).await;
    let scene = Scene::limited(&pg, 1).await;
    scene.submit_all(Seed::jobs(3)).await;
    let first = pg.held(scene.request(1)).await;
    let (store, request) = (pg.patient().await, scene.request(1));
    let second = tokio::spawn(async move { store.acquire(request).await });
    pg.until_ended_or_waiting(&second).await;
    let first = first.go().await.leases.len();
    let second = second.await.expect("no panic").expect("acquire");
    conclude(&within(1, first, second.leases.len()));
}

#[tokio::test]
async fn the_leases_of_a_silent_worker_count() {
    let pg = Pg::new().await;
    let scene = Scene::limited(&pg, 1).await;
    scene.submit_all(Seed::jobs(2)).await;
    let first = scene.acquire(1).await.len();
    let silent = "UPDATE worker SET heartbeat_at = heartbeat_at - interval '1 day'";
    let client = pg.0.client().await;
    client.batch_execute(silent).await.expect("an update");
    let then = scene.twin(&pg).await.acquire(1).await.len();
    conclude(&within(1, first, then));
}

#[tokio::test]
async fn what_an_unlimited_queue_taught_is_forgotten_when_it_gets_a_limit() {
    let pg = Pg::gated_at(BEFORE_COMMIT).await;
    let scene = Scene::open(&pg).await;
    scene.submit_all(Seed::jobs(4)).await;
    // It has drawn the lower slot and not committed: the other sees its own slot alone.
    let first = pg.held(scene.request(1)).await;
    let capped = AcquireRequest {
        max_concurrent: Some(Limit(10)),
        ..scene.request(1)
    };
    let second = scene.store.acquire(capped).await.expect("acquire");
    let live = first.go().await.leases.len() + second.leases.len();
    scene.set_limit(Some(2)).await;
    let then = scene.acquire(1).await.len();
    let judged = within(2, live, then);
    conclude(&judged.and(|| exercised(live == 2, || format!("{live} live, not 2"))));
}

#[tokio::test]
async fn a_limit_is_set_only_when_nobody_is_in_the_middle_of_acquiring_without_it() {
    let pg = Pg::gated_at(BEFORE_TAKING).await;
    let scene = Scene::open(&pg).await;
    scene.submit_all(Seed::jobs(3)).await;
    let first = pg.held(scene.request(1)).await;
    let (changer, name) = (pg.patient().await, scene.queue.name.clone());
    let change = QueueChange {
        max_concurrent: Some(Some(Limit(1))),
        ..QueueChange::default()
    };
    let changing = tokio::spawn(async move { changer.change_queue(&name, &change).await });
    pg.until_ended_or_waiting(&changing).await;
    let is_early = changing.is_finished();
    let early = if is_early {
        scene.acquire(1).await.len()
    } else {
        0
    };
    let first = first.go().await.leases.len();
    changing.await.expect("no panic").expect("a known queue");
    let late = scene.acquire(1).await.len();
    conclude(&within(1, first, early + late));
}
