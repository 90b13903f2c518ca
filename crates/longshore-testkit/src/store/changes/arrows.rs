//! Every arrow of a job's life is told once, in order; what leaves the state as it was is not.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::CancelOutcome;
use longshore_core::{JobId, Priority, State};

use super::Listener;
use crate::store::StoreHarness;
use crate::store::recovery::{falls_silent, successor, take_over};
use crate::store::scene::{LATER, Scene, launch_failed, refused_in};
use crate::store::seed::Seed;
use crate::wait::eventually;

use State::{
    Cancelled, Completed, Failed, Launching, Pending, Queued, Retrying, Running, TimedOut,
};

async fn listening(h: &dyn StoreHarness) -> (Scene, Listener) {
    let scene = Scene::open(h).await;
    let listener = Listener::begin(&scene).await;
    (scene, listener)
}

pub async fn a_submission_is_told_by_the_state_that_it_begins_in(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    assert_eq!(listener.told().await, []);
    let later = scene.store.now().await.expect("now") + LATER;
    let jobs = scene
        .submit_all([
            Seed::job(),
            Seed::job().held(),
            Seed::job().due_at(later),
            Seed::job().due_at(later).held(),
            Seed::job().key("k"),
        ])
        .await;
    let mut told = listener.told().await;
    told.sort_unstable();
    let states = [Queued, Pending, Queued, Pending, Queued];
    let expected: Vec<_> = jobs.iter().copied().zip(states).collect();
    assert_eq!(told, expected);
    assert_eq!(scene.submit(Seed::job().key("k")).await, jobs[4]);
    let other = [
        Seed::job().build_in("line"),
        Seed::job().build_in("no-such-queue"),
    ];
    scene.store.submit(&other).await.expect_err("no such queue");
    assert_eq!(listener.told().await, [], "nothing was submitted");
}

pub async fn a_change_names_the_job_its_queue_and_the_time(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let other = Scene::on_queue(h, "other", None).await;
    let before = scene.store.now().await.expect("now");
    let jobs = [
        scene.submit(Seed::job()).await,
        other.submit(Seed::job()).await,
    ];
    let after = scene.store.now().await.expect("now");
    let heard = listener.hear().await;
    let said: Vec<_> = heard
        .iter()
        .map(|change| (change.job, change.queue))
        .collect();
    assert_eq!(said, [(jobs[0], scene.queue.id), (jobs[1], other.queue.id)]);
    // Not all clocks are read to the microsecond.
    let about = before - Duration::from_millis(1)..=after;
    assert!(
        heard.iter().all(|change| about.contains(&change.at)),
        "{about:?}: {heard:?}"
    );
}

pub async fn holds_and_releases_are_told(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let later = scene.store.now().await.expect("now") + LATER;
    for seed in [Seed::job(), Seed::job().due_at(later)] {
        let job = scene.submit(seed).await;
        scene.store.dequeue_job(job).await.expect("queued");
        scene.store.queue_job(job).await.expect("pending");
        assert_eq!(listener.states_of(job).await, [Queued, Pending, Queued]);
        refused_in(scene.store.queue_job(job).await, job);
        assert_eq!(listener.told().await, [], "it was queued already");
    }
    let job = scene.submit(Seed::job().held()).await;
    scene.store.queue_job(job).await.expect("pending");
    assert_eq!(listener.states_of(job).await, [Pending, Queued]);
}

pub async fn an_attempt_is_told_from_its_acquisition_to_each_of_its_ends(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let settled = Disposition::Settle;
    for (then, state) in [
        (settled(TerminalState::Completed), Completed),
        (settled(TerminalState::Failed), Failed),
        (settled(TerminalState::TimedOut), TimedOut),
        (settled(TerminalState::Cancelled), Cancelled),
        (Disposition::RetryAfter(LATER), Retrying),
        (Disposition::HandBack, Queued),
        (Disposition::Lost, Queued),
    ] {
        let lease = scene.running(Seed::job().priority(100)).await;
        scene.end(lease, then).await;
        let states = listener.states_of(lease.job).await;
        assert_eq!(states, [Queued, Launching, Running, state], "{then:?}");
        if state == Queued {
            let again = scene.acquire_one().await.key;
            scene.settle(again, TerminalState::Failed).await;
            assert_eq!(listener.states_of(lease.job).await, [Launching, Failed]);
        }
    }
}

pub async fn an_attempt_that_was_not_seen_running_is_not_told_as_running(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let unseen = scene.leased(Seed::job()).await;
    scene.settle(unseen, TerminalState::Completed).await;
    assert_eq!(
        listener.states_of(unseen.job).await,
        [Queued, Launching, Completed]
    );
    let lease = scene.leased(Seed::job()).await;
    let record = launch_failed(longshore_core::classify::ErrorClass::Permanent);
    scene
        .finish(lease, record, Disposition::Settle(TerminalState::Failed))
        .await;
    assert_eq!(
        listener.states_of(lease.job).await,
        [Queued, Launching, Failed]
    );
}

pub async fn a_retry_is_told_when_it_is_decided_and_when_it_is_acquired(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let lease = scene.running(Seed::job()).await;
    scene
        .end(lease, Disposition::RetryAfter(Duration::from_millis(1)))
        .await;
    let again = eventually("the retry is due", async || scene.acquire(1).await.pop()).await;
    assert_eq!(again.key.job, lease.job);
    let states = listener.states_of(lease.job).await;
    assert_eq!(states, [Queued, Launching, Running, Retrying, Launching]);
}

pub async fn a_cancellation_is_told_when_the_job_ends(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let later = scene.store.now().await.expect("now") + LATER;
    let cancel = async |job: JobId| scene.store.request_cancel(job).await.expect("a known job");
    for (seed, state) in [
        (Seed::job(), Queued),
        (Seed::job().held(), Pending),
        (Seed::job().due_at(later), Queued),
    ] {
        let job = scene.submit(seed).await;
        assert_eq!(cancel(job).await, CancelOutcome::Cancelled);
        assert_eq!(listener.states_of(job).await, [state, Cancelled]);
    }
    let live = scene.running(Seed::job()).await;
    assert_eq!(
        listener.states_of(live.job).await,
        [Queued, Launching, Running]
    );
    assert_eq!(cancel(live.job).await, CancelOutcome::Requested);
    assert_eq!(listener.told().await, [], "it still runs");
    let back = Disposition::HandBack;
    scene
        .finish(live, crate::store::scene::record_for(back), back)
        .await;
    assert_eq!(listener.states_of(live.job).await, [Cancelled]);
}

pub async fn a_persons_retry_is_told(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    for state in [Failed, TimedOut, Retrying] {
        let job = scene.job_in(state).await;
        listener.states_of(job).await;
        scene.store.retry_job(job).await.expect("it can be retried");
        assert_eq!(listener.states_of(job).await, [Queued], "{state}");
        scene.store.request_cancel(job).await.expect("a known job");
        listener.states_of(job).await;
    }
}

pub async fn a_job_that_waited_too_long_is_told_to_have_timed_out(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let job = scene
        .submit(Seed::job().queue_timeout(Duration::from_millis(1)))
        .await;
    eventually("it expires", async || {
        let expired = scene.store.expire_waiting(10).await.expect("expire");
        (!expired.is_empty()).then_some(())
    })
    .await;
    assert_eq!(listener.states_of(job).await, [Queued, TimedOut]);
}

pub async fn what_leaves_the_state_as_it_was_is_not_told(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let later = scene.store.now().await.expect("now") + LATER;
    let waiting = scene
        .submit_all([Seed::job(), Seed::job().held(), Seed::job().due_at(later)])
        .await;
    let retrying = scene.job_in(Retrying).await;
    listener.told().await;
    for job in waiting.into_iter().chain([retrying]) {
        for priority in [20, 80] {
            let priority = Priority::new(priority).expect("0 to 100");
            scene
                .store
                .reprioritise(job, priority)
                .await
                .expect("it waits");
        }
        assert_eq!(listener.told().await, [], "another priority of job {job}");
    }

    let lease = scene.running(Seed::job().priority(100)).await;
    listener.states_of(lease.job).await;
    scene.start(lease).await;
    scene
        .store
        .note_launch(lease, "pulling")
        .await
        .expect("held");
    scene
        .store
        .heartbeat(scene.worker)
        .await
        .expect("a known worker");
    assert_eq!(listener.told().await, [], "it ran already");
}

pub async fn coming_due_is_not_told(h: &dyn StoreHarness) {
    const SOON: Duration = Duration::from_millis(50);
    let (scene, mut listener) = listening(h).await;
    let lease = scene.running(Seed::job()).await;
    scene.end(lease, Disposition::RetryAfter(SOON)).await;
    let soon = scene.store.now().await.expect("now") + SOON;
    // Queued at once where that took so long that it was due.
    scene.submit(Seed::job().due_at(soon)).await;
    listener.told().await;
    scene.wait_until(soon).await;
    let mut staged = 0;
    loop {
        match scene.store.stage_due(10).await.expect("a pass") {
            0 => break,
            moved => staged += moved,
        }
    }
    assert!(staged > 0, "the retry at least");
    assert_eq!(listener.told().await, []);
}

pub async fn ageing_is_not_told(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    scene.set_ageing(Some(Duration::from_millis(1))).await;
    scene.submit_all(Seed::jobs(3)).await;
    listener.told().await;
    eventually("they move up", async || {
        let aged = scene.store.age_waiting(10).await.expect("a pass");
        (!aged.is_empty()).then_some(())
    })
    .await;
    assert_eq!(listener.told().await, []);
}

pub async fn a_take_over_is_not_told(h: &dyn StoreHarness) {
    let (scene, mut listener) = listening(h).await;
    let jobs = [
        scene.running(Seed::job()).await.job,
        scene.leased(Seed::job()).await.job,
    ];
    listener.told().await;
    falls_silent(h, &scene).await;
    let next = successor(h, &scene).await;
    let taken = take_over(&next, 10).await;
    assert_eq!(taken.len(), 2);
    assert_eq!(listener.told().await, []);
    for taken in taken {
        next.start(taken.lease.key).await;
    }
    assert_eq!(
        listener.told().await,
        [(jobs[1], Running)],
        "the other ran before"
    );
}
