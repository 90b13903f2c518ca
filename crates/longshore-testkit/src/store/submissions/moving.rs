//! Queueing, taking out and reprioritising jobs that wait.

use longshore_core::disposition::{Disposition, Spent};
use longshore_core::{JobId, Priority, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, is_unknown_job, refused_in};
use crate::store::seed::Seed;

const NOBODY: JobId = JobId(i64::MAX);

pub async fn a_pending_job_joins_the_end_of_its_line_when_queued(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let held = scene.submit(Seed::job().held()).await;
    let first = scene.submit(Seed::job()).await;
    scene.store.queue_job(held).await.expect("pending");
    assert_eq!(scene.state(held).await, State::Queued);
    assert_eq!(scene.acquire_ids(2).await, [first, held]);
}

pub async fn a_pending_job_with_a_time_waits_for_it_when_queued(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    let job = scene.submit(Seed::job().held().due_at(due)).await;
    assert_eq!(scene.state(job).await, State::Pending);
    scene.store.queue_job(job).await.expect("pending");
    let summary = scene.show(job).await.summary;
    assert_eq!(summary.state, State::Queued);
    assert!(summary.due_at.is_some(), "its time is still to come");
    assert_eq!(scene.acquire_ids(1).await, []);
}

pub async fn only_a_pending_job_can_be_queued(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in State::ALL
        .into_iter()
        .filter(|state| *state != State::Pending)
    {
        let job = scene.job_in(state).await;
        assert_eq!(refused_in(scene.store.queue_job(job).await, job), state);
        assert_eq!(
            scene.state(job).await,
            state,
            "a refused move changes nothing"
        );
    }
    assert!(is_unknown_job(&scene.store.queue_job(NOBODY).await, NOBODY));
}

pub async fn a_queued_job_is_pending_once_taken_out_until_queued_again(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let jobs = scene.submit_all(Seed::jobs(3)).await;
    scene.store.dequeue_job(jobs[0]).await.expect("queued");
    assert_eq!(scene.state(jobs[0]).await, State::Pending);
    assert_eq!(scene.acquire_ids(1).await, [jobs[1]]);
    scene.store.queue_job(jobs[0]).await.expect("pending");
    assert_eq!(
        scene.acquire_ids(3).await,
        [jobs[2], jobs[0]],
        "it joined the end"
    );
}

pub async fn a_scheduled_job_that_is_taken_out_keeps_its_time(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    let job = scene.submit(Seed::job().due_at(due)).await;
    let before = scene.show(job).await.summary.due_at;
    scene.store.dequeue_job(job).await.expect("queued");
    assert_eq!(scene.state(job).await, State::Pending);
    scene.store.queue_job(job).await.expect("pending");
    let after = scene.show(job).await.summary;
    assert_eq!((after.state, after.due_at), (State::Queued, before));
    assert_eq!(scene.acquire_ids(1).await, []);
}

pub async fn a_job_that_runs_has_ended_or_is_pending_cannot_be_taken_out(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let waits = |state: &State| matches!(state, State::Queued | State::Retrying);
    for state in State::ALL.into_iter().filter(|state| !waits(state)) {
        let job = scene.job_in(state).await;
        assert_eq!(refused_in(scene.store.dequeue_job(job).await, job), state);
        assert_eq!(
            scene.state(job).await,
            state,
            "a refused move changes nothing"
        );
    }
    assert!(is_unknown_job(
        &scene.store.dequeue_job(NOBODY).await,
        NOBODY
    ));
}

pub async fn what_a_job_has_used_up_survives_being_taken_out(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    scene
        .end(key, Disposition::RetryAfter(std::time::Duration::ZERO))
        .await;
    let key = scene.acquire_one().await.key;
    scene.end(key, Disposition::Lost).await;
    scene.store.dequeue_job(key.job).await.expect("queued");
    scene.store.queue_job(key.job).await.expect("pending");
    let lease = scene.acquire_one().await;
    assert_eq!(lease.key.attempt.0, 3);
    assert_eq!(
        lease.spent,
        Spent {
            tries: 1,
            losses: 1
        }
    );
}

pub async fn a_retrying_job_can_be_taken_out_and_is_queued_as_any_other(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    scene
        .end(key, Disposition::RetryAfter(std::time::Duration::ZERO))
        .await;
    scene.store.dequeue_job(key.job).await.expect("retrying");
    assert_eq!(scene.state(key.job).await, State::Pending);
    assert_eq!(scene.acquire_ids(1).await, []);
    scene.store.queue_job(key.job).await.expect("pending");
    assert_eq!(scene.state(key.job).await, State::Queued);
    let lease = scene.acquire_one().await;
    assert_eq!(
        lease.spent,
        Spent {
            tries: 1,
            losses: 0
        },
        "what it has used stays used"
    );
}

pub async fn a_reprioritised_job_joins_the_end_of_its_new_line(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let low = scene.submit(Seed::job().priority(20)).await;
    let normal = scene.submit(Seed::job().priority(50)).await;
    let high = scene.submit(Seed::job().priority(80)).await;
    scene
        .store
        .reprioritise(low, Priority::HIGH)
        .await
        .expect("waiting");
    scene
        .store
        .reprioritise(normal, Priority::LOW)
        .await
        .expect("waiting");
    assert_eq!(
        scene.show(low).await.summary.priority,
        Priority::HIGH,
        "as it counts now"
    );
    assert_eq!(scene.acquire_ids(3).await, [high, low, normal]);
}

pub async fn the_same_reprioritisation_again_changes_nothing_more(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job()).await;
    for _ in 0..2 {
        scene
            .store
            .reprioritise(job, Priority::HIGH)
            .await
            .expect("waiting");
    }
    let summary = scene.show(job).await.summary;
    assert_eq!(
        (summary.state, summary.priority),
        (State::Queued, Priority::HIGH)
    );
    assert_eq!(scene.acquire_ids(2).await, [job]);
}

pub async fn every_waiting_job_can_be_reprioritised_where_it_stands(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let due = scene.store.now().await.expect("now") + LATER;
    let scheduled = scene.submit(Seed::job().due_at(due)).await;
    let mut jobs = vec![(scheduled, State::Queued)];
    for state in [State::Pending, State::Queued, State::Retrying] {
        jobs.push((scene.job_in(state).await, state));
    }
    for (job, state) in jobs {
        let before = scene.show(job).await.summary;
        scene
            .store
            .reprioritise(job, Priority::LOW)
            .await
            .expect("waiting");
        let after = scene.show(job).await.summary;
        assert_eq!((after.state, after.priority), (state, Priority::LOW));
        assert_eq!(
            after.due_at, before.due_at,
            "a {state} job stays due when it was"
        );
    }
}

pub async fn a_job_that_runs_or_has_ended_cannot_be_reprioritised(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for state in State::ALL
        .into_iter()
        .filter(|state| state.is_live() || state.is_terminal())
    {
        let job = scene.job_in(state).await;
        let refused = scene.store.reprioritise(job, Priority::LOW).await;
        let text = refused.as_ref().err().map(ToString::to_string);
        let text = text.expect("refused");
        assert!(text.contains("given another priority"), "{text}");
        assert_eq!(refused_in(refused, job), state);
    }
    assert!(is_unknown_job(
        &scene.store.reprioritise(NOBODY, Priority::LOW).await,
        NOBODY
    ));
}

pub async fn twin_moves_of_one_job_succeed_exactly_once(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    for _ in 0..20 {
        let job = scene.submit(Seed::job()).await;
        let (a, b) = tokio::join!(scene.store.dequeue_job(job), other.dequeue_job(job));
        let lost = match (a, b) {
            (Ok(()), lost) | (lost, Ok(())) => lost,
            both => panic!("one of the two takes it out: {both:?}"),
        };
        assert_eq!(refused_in(lost, job), State::Pending);
        let (a, b) = tokio::join!(scene.store.queue_job(job), other.queue_job(job));
        let lost = match (a, b) {
            (Ok(()), lost) | (lost, Ok(())) => lost,
            both => panic!("one of the two queues it: {both:?}"),
        };
        assert_eq!(refused_in(lost, job), State::Queued);
        assert_eq!(scene.acquire_ids(2).await, [job], "it stands in line once");
    }
}
