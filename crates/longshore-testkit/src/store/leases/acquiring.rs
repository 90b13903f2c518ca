//! Which jobs an acquisition takes, and in which order (promises S1, S7, S8).

use std::time::Duration;

use longshore_core::disposition::{Disposition, Spent};
use longshore_core::priority::Lane;
use longshore_core::state::TerminalState;
use longshore_core::store::{AcquireRequest, Finish, FinishOutcome};
use longshore_core::{Priority, State, WorkerId};

use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, new_queue, record_for};
use crate::store::seed::Seed;
use crate::wait::eventually;

pub async fn an_acquired_job_is_launching_under_a_lease(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let job = scene.submit(Seed::job().priority(80)).await;
    let before = scene.store.now().await.expect("now");
    let lease = scene.acquire_one().await;
    assert_eq!(lease.key.job, job);
    assert_eq!(lease.key.attempt.0, 1);
    assert_eq!(lease.queue, scene.queue.id);
    assert_eq!(lease.lane, Lane::joining(Priority::HIGH));
    assert_eq!(lease.spent, Spent::default());
    assert!(lease.claimed_at.duration_since(before).as_millis() >= -1);
    let expected = Seed::job().priority(80).spec_in("line");
    assert_eq!(*lease.spec.expect("readable"), expected);

    let detail = scene.show(job).await;
    assert_eq!(detail.summary.state, State::Launching);
    assert_eq!(detail.summary.attempts, 1, "the live one counts");
    assert_eq!(detail.why_waiting, None);
    let attempt = &detail.attempts_made[0];
    assert_eq!(
        (attempt.attempt, attempt.token),
        (lease.key.attempt, lease.key.token)
    );
    assert_eq!(attempt.worker, scene.worker);
    assert_eq!((attempt.started_at, attempt.ended_at), (None, None));
    assert_eq!(attempt.record, None);
}

pub async fn an_empty_queue_gives_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    assert_eq!(scene.acquire_ids(10).await, []);
    let key = scene.leased(Seed::job()).await;
    assert_eq!(scene.acquire_ids(10).await, [], "job {} is taken", key.job);
}

pub async fn higher_priority_first_and_first_queued_first_within_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let priorities = [50, 20, 80, 0, 100, 50, 80, 20, 100, 0, 51, 49];
    let jobs = scene
        .submit_all(priorities.map(|p| Seed::job().priority(p)))
        .await;
    let mut expected: Vec<_> = priorities.iter().zip(&jobs).collect();
    expected.sort_by_key(|(priority, job)| (std::cmp::Reverse(**priority), **job));
    let expected: Vec<_> = expected.into_iter().map(|(_, job)| *job).collect();
    let mut acquired = scene.acquire_ids(5).await;
    for want in [1, 2, 10] {
        acquired.extend(scene.acquire_ids(want).await);
    }
    assert_eq!(acquired, expected, "within a batch and from batch to batch");
}

pub async fn no_more_is_given_than_was_asked_for(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit_all(Seed::jobs(5)).await;
    for (want, given) in [(0, 0), (1, 1), (3, 3), (10, 1)] {
        assert_eq!(scene.acquire(want).await.len(), given, "want {want}");
    }
}

pub async fn one_call_takes_a_thousand_jobs_at_most(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let most = usize::try_from(AcquireRequest::MAX_WANT).expect("small");
    scene.submit_all(Seed::jobs(most + 1)).await;
    assert_eq!(scene.acquire(u32::MAX).await.len(), most);
    assert_eq!(scene.acquire(u32::MAX).await.len(), 1);
}

pub async fn a_queue_gives_only_its_own_jobs(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    let others = Seed::job().priority(100).queue("other");
    let jobs = scene
        .submit_all([others.clone(), Seed::job(), others])
        .await;
    assert_eq!(scene.acquire_ids(10).await, [jobs[1]]);
}

pub async fn a_paused_queue_gives_nothing_until_it_goes_on(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let job = scene.submit(Seed::job()).await;
    scene.pause(true).await;
    assert_eq!(scene.acquire_ids(1).await, []);
    assert_eq!(twin.acquire_ids(1).await, [], "through any handle");
    scene.pause(false).await;
    assert_eq!(twin.acquire_ids(1).await, [job]);
}

pub async fn attempts_count_on_and_tokens_grow_with_every_acquisition(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    scene.submit(Seed::job()).await;
    let mut last = None;
    let ways = [
        Disposition::HandBack,
        Disposition::Lost,
        Disposition::RetryAfter(Duration::ZERO),
    ];
    for (round, then) in (0..).zip(ways.into_iter().cycle().take(9)) {
        let by = if round % 2 == 0 { &scene } else { &twin };
        let key = by.acquire_one().await.key;
        assert_eq!(key.attempt.0, round + 1);
        assert!(
            last.is_none_or(|token| key.token > token),
            "{last:?}, then {:?}",
            key.token
        );
        last = Some(key.token);
        by.end(key, then).await;
    }
}

pub async fn a_job_handed_back_goes_ahead_of_its_priority_and_no_further(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for then in [Disposition::HandBack, Disposition::Lost] {
        let key = scene.leased(Seed::job()).await;
        let normal = scene.submit(Seed::job()).await;
        let high = scene.submit(Seed::job().priority(51)).await;
        scene.end(key, then).await;
        let leases = scene.acquire(3).await;
        let order: Vec<_> = leases.iter().map(|lease| lease.key.job).collect();
        assert_eq!(order, [high, key.job, normal], "after {then:?}");
        assert_eq!(leases[1].lane, Lane::ahead(Priority::NORMAL));
        for lease in leases {
            scene.settle(lease.key, TerminalState::Completed).await;
        }
    }
}

pub async fn jobs_handed_back_by_one_call_go_ahead_in_the_order_of_their_jobs(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    for then in [Disposition::HandBack, Disposition::Lost] {
        let seeds = [50, 80, 50, 50, 80, 50].map(|priority| Seed::job().priority(priority));
        let jobs = scene.submit_all(seeds).await;
        let mut leases = scene.acquire(6).await;
        leases.sort_by_key(|lease| lease.key.job);
        let behind = scene.submit(Seed::job()).await;
        // As they may end in a drain: in no order at all.
        let finishes = [3, 4, 0, 5, 1, 2].map(|nth: usize| Finish {
            lease: leases[nth].key,
            record: record_for(then),
            then,
        });
        let outcomes = scene.store.finish(&finishes).await.expect("finish");
        assert_eq!(outcomes, [FinishOutcome::Finished; 6]);
        let leases = scene.acquire(7).await;
        let order: Vec<_> = leases.iter().map(|lease| lease.key.job).collect();
        let expected = [jobs[1], jobs[4], jobs[0], jobs[2], jobs[3], jobs[5], behind];
        assert_eq!(order, expected, "after {then:?}");
        for lease in leases {
            scene.settle(lease.key, TerminalState::Completed).await;
        }
    }
}

pub async fn an_acquisition_that_finds_no_room_stages_what_is_due_all_the_same(
    h: &dyn StoreHarness,
) {
    let scene = Scene::limited(h, 1).await;
    let live = scene.leased(Seed::job()).await;
    let due = scene.store.now().await.expect("now") + Duration::from_millis(300);
    let was_due = scene.submit(Seed::job().due_at(due)).await;
    scene.wait_until(due).await;
    assert_eq!(scene.acquire_ids(1).await, [], "there is no room");
    let came_later = scene.submit(Seed::job()).await;
    scene.settle(live, TerminalState::Completed).await;
    let first = scene.acquire_one().await.key;
    assert_eq!(first.job, was_due, "it stood in line before {came_later}");
}

pub async fn scheduled_jobs_that_are_due_take_part_by_their_priority(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let normal = scene.submit(Seed::job()).await;
    let due = scene.store.now().await.expect("now") + Duration::from_millis(300);
    let urgent = scene.submit(Seed::job().priority(90).due_at(due)).await;
    let never = scene
        .submit(Seed::job().priority(100).due_at(due + LATER))
        .await;
    eventually("the scheduled job is due", async || {
        (scene.store.now().await.expect("now") > due).then_some(())
    })
    .await;
    assert_eq!(
        scene.acquire_ids(1).await,
        [urgent],
        "staged by the acquisition itself"
    );
    assert_eq!(scene.acquire_ids(10).await, [normal]);
    assert_eq!(scene.state(never).await, State::Queued);
}

pub async fn a_worker_that_drains_stopped_or_is_unknown_acquires_nothing(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (stopping, other) = (scene.twin(h).await, scene.twin(h).await);
    let job = scene.submit(Seed::job()).await;
    scene
        .store
        .drain_worker(scene.worker)
        .await
        .expect("a known worker");
    assert_eq!(scene.acquire_ids(1).await, [], "it drains");
    scene
        .store
        .stop_worker(stopping.worker)
        .await
        .expect("a known worker");
    assert_eq!(stopping.acquire_ids(1).await, [], "it said goodbye");
    let unknown = AcquireRequest {
        worker: WorkerId(i64::MAX),
        ..scene.request(1)
    };
    let got = scene.store.acquire(unknown).await.expect("acquire").leases;
    assert_eq!(got, [], "it never reported for work");
    assert_eq!(other.acquire_ids(1).await, [job], "others go on");
}

pub async fn a_worker_lists_its_leases_with_the_numbers_of_their_calls(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    scene.submit_all(Seed::jobs(4)).await;
    let mut expected = Vec::new();
    for number in [7, 9] {
        let request = AcquireRequest {
            acquire_number: number,
            ..scene.request(1)
        };
        let leases = scene.store.acquire(request).await.expect("acquire").leases;
        expected.push((leases[0].key, number));
    }
    let theirs = twin.acquire_one().await.key;
    let listed = async |worker| {
        let leases = scene.store.leases_of(worker).await.expect("leases");
        let mut listed: Vec<_> = leases.iter().map(|l| (l.key, l.acquire_number)).collect();
        listed.sort_unstable();
        listed
    };
    assert_eq!(listed(scene.worker).await, expected);
    assert_eq!(listed(twin.worker).await, [(theirs, 1)]);
    scene.end(expected[0].0, Disposition::HandBack).await;
    assert_eq!(listed(scene.worker).await, expected[1..]);
}
