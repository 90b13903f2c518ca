//! Ending what has waited too long.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene};
use crate::store::seed::Seed;
use crate::wait::eventually;

/// More than any case has.
const MANY: u32 = 1000;

pub async fn a_job_that_waited_too_long_times_out(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let impatient = || {
        Seed::job()
            .queue_timeout(Duration::from_millis(200))
            .priority(100)
    };
    let retrying = scene.running(impatient()).await;
    let live = scene.leased(impatient()).await;
    scene
        .end(retrying, Disposition::RetryAfter(Duration::from_millis(1)))
        .await;
    let queued = scene.submit(impatient()).await;
    let pending = scene.submit(impatient().held()).await;
    let patient = scene.submit(Seed::job().queue_timeout(LATER)).await;
    let expected = [retrying.job, queued];
    let mut expired: Vec<JobId> = Vec::new();
    eventually("both waiting ones time out", async || {
        expired.extend(scene.store.expire_waiting(MANY).await.expect("expire"));
        (expired.len() >= expected.len()).then_some(())
    })
    .await;
    expired.sort_unstable();
    assert_eq!(expired, expected);
    let again = scene.store.expire_waiting(MANY).await.expect("expire");
    assert_eq!(again, [], "a pass over nothing does nothing");
    let states = scene
        .store
        .states(&[live.job, pending, patient])
        .await
        .expect("states");
    assert_eq!(states, [State::Launching, State::Pending, State::Queued]);
    for job in expected {
        let detail = scene.show(job).await;
        assert!(detail.summary.ended_at.is_some());
        assert_eq!(detail.summary.due_at, None);
    }
    assert_eq!(
        scene.acquire_ids(10).await,
        [patient],
        "what timed out is in no line"
    );
}

pub async fn the_wait_counts_from_when_a_job_is_queued_and_due(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    // Long enough that a job is queued and looked at well within it.
    let timeout = Duration::from_secs(4);
    let impatient = || Seed::job().queue_timeout(timeout);
    let due = scene.store.now().await.expect("now") + LATER;
    let retrying = scene.running(impatient()).await;
    scene.end(retrying, Disposition::RetryAfter(LATER)).await;
    let scheduled = scene.submit(impatient().due_at(due)).await;
    let held = scene.submit(impatient().held()).await;
    let queued = scene.submit(impatient()).await;
    let expired = eventually("the one that is queued and due times out", async || {
        let expired = scene.store.expire_waiting(MANY).await.expect("expire");
        (!expired.is_empty()).then_some(expired)
    })
    .await;
    assert_eq!(expired, [queued]);
    scene.store.queue_job(held).await.expect("pending");
    let now = scene.store.expire_waiting(MANY).await.expect("expire");
    assert_eq!(
        now,
        [],
        "it waits since now, though it was submitted long ago"
    );
    let states = scene
        .store
        .states(&[retrying.job, scheduled, held])
        .await
        .expect("states");
    assert_eq!(states, [State::Retrying, State::Queued, State::Queued]);
    let later = eventually("it times out in its turn", async || {
        let expired = scene.store.expire_waiting(MANY).await.expect("expire");
        (!expired.is_empty()).then_some(expired)
    })
    .await;
    assert_eq!(later, [held]);
}

pub async fn waiting_jobs_are_ended_in_bounded_passes_each_by_one_of_two_twins(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    let brief = Duration::from_millis(1);
    let jobs = scene
        .submit_all((0..40).map(|_| Seed::job().queue_timeout(brief)))
        .await;
    let mut expired = eventually("the first times out", async || {
        let first = scene.store.expire_waiting(3).await.expect("expire");
        (!first.is_empty()).then_some(first)
    })
    .await;
    assert!(expired.len() <= 3, "no more than was asked for");
    let (a, b) = tokio::join!(scene.store.expire_waiting(MANY), other.expire_waiting(MANY));
    expired.extend(a.expect("expire"));
    expired.extend(b.expect("expire"));
    expired.extend(scene.store.expire_waiting(MANY).await.expect("expire"));
    expired.sort_unstable();
    assert_eq!(expired, jobs, "each by exactly one pass");
}

pub async fn deadlines_of_jobs_that_ended_otherwise_hide_no_job_that_waited_too_long(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let brief = Duration::from_millis(1);
    for _ in 0..5 {
        let lease = scene.running(Seed::job().queue_timeout(brief)).await;
        scene.settle(lease, TerminalState::Completed).await;
    }
    let waits = scene.submit(Seed::job().queue_timeout(brief)).await;
    let submitted = scene.store.now().await.expect("now");
    scene.wait_until(submitted + brief).await;
    // Two at a time: fewer than the deadlines that lie before the one that counts.
    let expired = scene.store.expire_waiting(2).await.expect("expire");
    assert_eq!(expired, [waits], "none is said to be left only if none is");
}
