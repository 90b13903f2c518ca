//! Looks ahead: which queues have something to acquire, and when the next job comes due.

use std::time::Duration;

use longshore_core::QueueId;
use longshore_core::disposition::Disposition;
use longshore_core::store::Ahead;

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, new_queue};
use crate::store::seed::Seed;

/// How far a due time may be from what it was asked to be, on a machine that has much to do.
const SLACK: Duration = Duration::from_mins(5);

async fn look(scene: &Scene, queues: &[QueueId]) -> Ahead {
    let mut ahead = scene.store.look_ahead(queues).await.expect("a look");
    ahead.waiting.sort_unstable();
    ahead
}

fn is_about(due_in: Option<Duration>, expected: Duration) -> bool {
    due_in.is_some_and(|due_in| due_in <= expected && due_in + SLACK >= expected)
}

pub async fn a_look_ahead_names_the_queues_in_which_something_waits(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut queues = vec![scene.queue.id];
    for name in ["empty", "due", "later", "paused"] {
        let queue = scene.store.create_queue(&new_queue(name)).await;
        queues.push(queue.expect("a new name").id);
    }
    let [line, _empty, due, _later, paused] = queues[..] else {
        unreachable!("five were made");
    };
    let nothing = look(&scene, &queues).await;
    assert_eq!(nothing, Ahead::default(), "nothing was submitted");

    let now = scene.store.now().await.expect("now");
    scene.submit(Seed::job()).await;
    scene.submit(Seed::job().queue("due").due_at(now)).await;
    scene
        .submit(Seed::job().queue("later").due_at(now + LATER))
        .await;
    scene.submit(Seed::job().queue("paused")).await;
    scene.submit(Seed::job().held()).await;
    let all = look(&scene, &queues).await;
    let mut expected = vec![line, due, paused];
    expected.sort_unstable();
    assert_eq!(all.waiting, expected);
    assert!(is_about(all.due_in, LATER), "{:?}", all.due_in);
    let some = look(&scene, &[due, QueueId(i32::MAX)]).await;
    assert_eq!(
        (some.waiting, some.due_in),
        (vec![due], None),
        "of those that were asked for"
    );
    assert_eq!(look(&scene, &[]).await, Ahead::default());

    let change = longshore_core::queue::QueueChange {
        paused: Some(true),
        ..Default::default()
    };
    let changed = scene.store.change_queue("paused", &change).await;
    changed.expect("it is there");
    scene.acquire_one().await;
    let left = look(&scene, &queues).await;
    assert_eq!(left.waiting, [due], "one is paused, of one all was taken");
}

pub async fn a_look_ahead_sees_what_was_submitted_after_acquisitions(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let queue = scene.queue.id;
    for round in 0..3 {
        scene
            .submit_all([10, 90].map(|priority| Seed::job().priority(priority)))
            .await;
        assert_eq!(
            look(&scene, &[queue]).await.waiting,
            [queue],
            "round {round}"
        );
        // By another process, and by this one.
        assert_eq!(scene.twin(h).await.acquire(1).await.len(), 1);
        assert_eq!(
            look(&scene, &[queue]).await.waiting,
            [queue],
            "round {round}"
        );
        assert_eq!(scene.acquire(10).await.len(), 1);
        assert_eq!(look(&scene, &[queue]).await.waiting, [], "round {round}");
    }
}

pub async fn an_acquisition_tells_when_the_next_job_comes_due(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due_in = async |want| {
        let acquired = scene.store.acquire(scene.request(want)).await;
        acquired.expect("acquire").due_in
    };
    assert_eq!(due_in(1).await, None, "nothing is put off");
    let now = scene.store.now().await.expect("now");
    scene
        .submit_all([2, 1].map(|times| Seed::job().due_at(now + times * LATER)))
        .await;
    assert!(is_about(due_in(1).await, LATER), "none waits");
    scene.submit_all(Seed::jobs(2)).await;
    assert_eq!(due_in(1).await, None, "there may be more at once");
    assert!(is_about(due_in(2).await, LATER), "one was left");
}

pub async fn a_retry_is_told_by_its_time(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let lease = scene.running(Seed::job().max_retries(3)).await;
    scene.end(lease, Disposition::RetryAfter(LATER)).await;
    let ahead = look(&scene, &[scene.queue.id]).await;
    assert!(is_about(ahead.due_in, LATER), "{:?}", ahead.due_in);
    assert_eq!(ahead.waiting, []);
}
