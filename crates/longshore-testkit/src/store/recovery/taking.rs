//! Whose leases move, to whom, and what stays as it was.

use longshore_core::WorkerId;
use longshore_core::queue::QueueChange;
use longshore_core::state::TerminalState;
use longshore_core::store::{Heartbeat, HeldLease, Lease, LeaseStatus, TakeOverRequest};

use super::{
    MANY, ask, falls_half_silent, falls_silent, jobs_of, request, says_goodbye, successor,
    take_one, take_over, worker,
};
use crate::store::StoreHarness;
use crate::store::scene::{LATER, Scene, handle_of};
use crate::store::seed::Seed;

const DONE: TerminalState = TerminalState::Completed;

pub async fn leases_of_a_worker_whose_time_is_over_move_under_fresh_tokens(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    scene.submit_all(Seed::jobs(3)).await;
    let leases = scene.acquire(3).await;
    scene.start(leases[1].key).await;
    let mut before = Vec::new();
    let mut slots = Vec::new();
    for lease in &leases {
        before.push(scene.show(lease.key.job).await);
        slots.push(h.slot_of(lease.key.job).await);
    }
    let asked_at = scene.store.now().await.expect("now");
    falls_silent(h, &scene).await;
    let request = request(&next, MANY);
    let taken = ask(&next, &request).await;
    assert_eq!(taken.len(), 3);

    let mut tokens: Vec<_> = leases.iter().map(|lease| lease.key.token).collect();
    let newest = tokens.iter().max().copied();
    for (index, (taken, old)) in taken.iter().zip(&leases).enumerate() {
        let key = taken.lease.key;
        assert!(Some(key.token) > newest, "{newest:?}, {taken:?}");
        assert!(!tokens.contains(&key.token), "{tokens:?}, {taken:?}");
        tokens.push(key.token);
        let moved = Lease { key, ..old.clone() };
        assert_eq!(
            taken.lease, moved,
            "all but the token is as it was acquired"
        );
        assert_eq!((key.job, key.attempt), (old.key.job, old.key.attempt));
        assert_eq!(
            (taken.from, taken.last_token),
            (scene.worker, old.key.token)
        );
        assert_eq!((taken.orphaned, taken.is_host_gone), (1, false));
        assert!(taken.taken_at >= asked_at && !taken.cancel_requested);
        assert_eq!(
            h.slot_of(key.job).await,
            slots[index],
            "its slot is its own still"
        );

        let mut expected = before[index].clone();
        let attempt = expected.attempts_made.last_mut().expect("its live attempt");
        assert_eq!(taken.started_at, attempt.started_at);
        (attempt.token, attempt.worker) = (key.token, next.worker);
        assert_eq!(
            next.show(key.job).await,
            expected,
            "nothing else was changed"
        );
    }
    assert_eq!(taken[0].launched, None, "nothing was started");
    let launched = taken[1].launched.as_ref().expect("its handle was stored");
    assert_eq!(launched.host, scene.host);
    assert_eq!(launched.handle, handle_of(leases[1].key));
    assert_eq!(launched.boot_id.as_deref(), Some("boot-1"));

    let held = taken.iter().map(|taken| HeldLease {
        key: taken.lease.key,
        acquire_number: request.acquire_number,
        is_taken_over: true,
    });
    let held: Vec<HeldLease> = held.collect();
    let mut of_next = next.store.leases_of(next.worker).await.expect("leases");
    of_next.sort_by_key(|held| held.key);
    assert_eq!(of_next, held);
    let of_old = scene.store.leases_of(scene.worker).await;
    assert_eq!(of_old.expect("leases"), []);

    let after = next.leased(Seed::job()).await;
    assert!(
        Some(&after.token) > tokens.iter().max(),
        "acquiring draws from the same sequence"
    );
    assert_eq!(take_over(&next, MANY).await, [], "its own it has already");
}

pub async fn nobody_takes_over_from_a_worker_within_its_time(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let key = scene.running(Seed::job()).await;
    assert_eq!(take_over(&next, MANY).await, []);
    // Close to the end of its time, but within.
    let nearly = crate::store::scene::LATER.saturating_sub(crate::wait::PATIENCE);
    h.age(crate::store::Aged::Heartbeat(scene.worker), nearly)
        .await;
    assert_eq!(take_over(&next, MANY).await, []);
    assert!(!worker(&next, scene.worker).await.fenced);
    assert_eq!(scene.status(key).await, LeaseStatus::Held);
    let answer = scene.store.heartbeat(scene.worker).await;
    let answer = answer.expect("heartbeat");
    assert!(
        matches!(answer, Heartbeat::Alive { drain: false, .. }),
        "{answer:?}"
    );
}

pub async fn a_worker_whose_time_is_over_and_who_has_nothing_is_fenced_all_the_same(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    falls_silent(h, &scene).await;
    assert_eq!(take_over(&next, 0).await, []);
    assert!(worker(&next, scene.worker).await.fenced);
    assert!(!worker(&next, next.worker).await.fenced);
    let answer = scene.store.heartbeat(scene.worker).await;
    assert_eq!(answer.expect("heartbeat"), Heartbeat::Fenced);
}

pub async fn a_worker_never_fences_itself(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    falls_silent(h, &scene).await;
    assert_eq!(take_over(&scene, MANY).await, []);
    assert_eq!(scene.status(key).await, LeaseStatus::Held);
    let answer = scene.store.heartbeat(scene.worker).await;
    let answer = answer.expect("heartbeat");
    assert!(
        matches!(answer, Heartbeat::Alive { drain: false, .. }),
        "{answer:?}"
    );
}

pub async fn leases_of_a_worker_that_said_goodbye_move_at_once_and_are_no_orphans(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    says_goodbye(&scene).await;
    let mut holder = successor(h, &scene).await;
    let handed_over = take_one(&holder).await;
    assert_eq!(handed_over.lease.key.job, key.job);
    assert_eq!(handed_over.orphaned, 0, "it was handed over");
    assert!(
        !worker(&holder, scene.worker).await.fenced,
        "it went by itself"
    );
    for orphaned in 1..=3 {
        falls_silent(h, &holder).await;
        let next = successor(h, &holder).await;
        let taken = take_one(&next).await;
        assert_eq!((taken.from, taken.orphaned), (holder.worker, orphaned));
        holder = next;
    }
    says_goodbye(&holder).await;
    let last = successor(h, &holder).await;
    assert_eq!(
        take_one(&last).await.orphaned,
        3,
        "one more that was handed over"
    );
}

pub async fn a_worker_that_drains_stopped_was_fenced_or_is_unknown_takes_nothing_over(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    says_goodbye(&scene).await;
    let draining = successor(h, &scene).await;
    let drained = draining.store.drain_worker(draining.worker).await;
    drained.expect("a known worker");
    let stopped = successor(h, &scene).await;
    says_goodbye(&stopped).await;
    let fenced = successor(h, &scene).await;
    falls_silent(h, &fenced).await;
    let next = successor(h, &scene).await;
    assert_eq!(take_over(&next, 0).await, [], "it fences, and takes none");
    for scene in [&draining, &stopped, &fenced] {
        assert_eq!(take_over(scene, MANY).await, []);
    }
    let nobody = TakeOverRequest {
        worker: WorkerId(i64::MAX),
        ..request(&next, MANY)
    };
    assert_eq!(ask(&next, &nobody).await, []);
    assert_eq!(scene.status(key).await, LeaseStatus::Held);
    assert_eq!(jobs_of(&take_over(&next, MANY).await), [key.job]);
}

pub async fn a_worker_that_may_take_nothing_over_fences_nobody(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let draining = successor(h, &scene).await;
    let drained = draining.store.drain_worker(draining.worker).await;
    drained.expect("a known worker");
    falls_silent(h, &scene).await;
    assert_eq!(take_over(&draining, MANY).await, []);
    assert!(!worker(&draining, scene.worker).await.fenced);
}

pub async fn no_more_is_taken_over_than_was_asked_for(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let jobs = scene.submit_all(Seed::jobs(107)).await;
    assert_eq!(scene.acquire(200).await.len(), jobs.len());
    falls_silent(h, &scene).await;
    assert_eq!(take_over(&next, 0).await, []);
    assert_eq!(
        jobs_of(&take_over(&next, 2).await),
        jobs[..2],
        "by their ids"
    );
    assert_eq!(
        jobs_of(&take_over(&next, u32::MAX).await),
        jobs[2..102],
        "a hundred at most"
    );
    assert_eq!(jobs_of(&take_over(&next, MANY).await), jobs[102..]);
    assert_eq!(take_over(&next, MANY).await, []);
}

pub async fn a_take_over_frees_no_slot_and_asks_for_none(h: &dyn StoreHarness) {
    let scene = Scene::limited(h, 2).await;
    let next = successor(h, &scene).await;
    let bystander = successor(h, &scene).await;
    let jobs = scene.submit_all(Seed::jobs(5)).await;
    assert_eq!(scene.acquire_ids(5).await, jobs[..2]);
    // They learn which slots are taken.
    assert_eq!(next.acquire_ids(5).await, []);
    assert_eq!(bystander.acquire_ids(5).await, []);
    falls_silent(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    assert_eq!(jobs_of(&taken), jobs[..2]);
    for acquirer in [&next, &bystander] {
        assert_eq!(acquirer.acquire_ids(5).await, [], "the queue is full still");
    }
    next.settle(taken[0].lease.key, TerminalState::Failed).await;
    assert_eq!(
        bystander.acquire_ids(5).await,
        jobs[2..3],
        "one slot is free"
    );
    assert_eq!(next.acquire_ids(5).await, []);
    next.settle(taken[1].lease.key, TerminalState::Failed).await;
    assert_eq!(next.acquire_ids(5).await, jobs[3..4]);
    assert_eq!(bystander.acquire_ids(5).await, []);

    next.set_limit(Some(0)).await;
    next.pause(true).await;
    says_goodbye(&next).await;
    let last = successor(h, &scene).await;
    assert_eq!(
        jobs_of(&take_over(&last, MANY).await),
        jobs[3..4],
        "of a queue that gives nothing"
    );
}

pub async fn the_new_holder_brings_the_attempt_to_its_end(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    scene.submit_all(Seed::jobs(2)).await;
    let leases = scene.acquire(2).await;
    scene.start(leases[1].key).await;
    falls_silent(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    let [launching, running] = [taken[0].lease.key, taken[1].lease.key];
    next.start(launching).await;
    for key in [launching, running] {
        next.settle(key, DONE).await;
        let detail = next.show(key.job).await;
        let [attempt] = &detail.attempts_made[..] else {
            panic!("one attempt: {detail:?}")
        };
        assert_eq!((attempt.token, attempt.worker), (key.token, next.worker));
    }
    assert_eq!(take_over(&next, MANY).await, []);
}

pub async fn what_a_queue_does_with_lost_hosts_is_kept_until_it_is_changed(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    assert_eq!(
        scene.queue.on_host_lost,
        longshore_core::queue::OnHostLost::Wait
    );
    for policy in [
        longshore_core::queue::OnHostLost::Retry,
        longshore_core::queue::OnHostLost::Wait,
    ] {
        let change = QueueChange {
            on_host_lost: Some(policy),
            ..QueueChange::default()
        };
        let changed = scene.store.change_queue(&scene.queue.name, &change).await;
        assert_eq!(changed.expect("a known queue").on_host_lost, policy);
        let nothing = QueueChange::default();
        let same = scene.store.change_queue(&scene.queue.name, &nothing).await;
        assert_eq!(same.expect("a known queue").on_host_lost, policy);
        let read = scene.store.queue(&scene.queue.name).await;
        assert_eq!(read.expect("a known queue").on_host_lost, policy);
    }
}

pub async fn who_was_not_heard_of_itself_holds_nobody_for_dead(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let held = scene.running(Seed::job()).await;
    let next = successor(h, &scene).await;
    falls_silent(h, &scene).await;
    // As after an outage of the database: both were kept away by it, one for a little longer.
    falls_half_silent(h, &next).await;
    assert_eq!(take_over(&next, MANY).await, [], "it may live as well");
    let beat = scene.store.heartbeat(scene.worker).await;
    assert!(matches!(beat, Ok(Heartbeat::Alive { .. })), "{beat:?}");
    falls_silent(h, &scene).await;
    let beat = next.store.heartbeat(next.worker).await;
    assert!(matches!(beat, Ok(Heartbeat::Alive { .. })), "{beat:?}");
    assert_eq!(take_one(&next).await.lease.key.job, held.job);
}

pub async fn a_take_over_that_was_on_its_way_for_long_holds_nobody_for_dead(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let held = scene.running(Seed::job()).await;
    let next = successor(h, &scene).await;
    let heard = async || match next.store.heartbeat(next.worker).await {
        Ok(Heartbeat::Alive { at, .. }) => at,
        other => panic!("{other:?}"),
    };
    falls_silent(h, &scene).await;
    // Both calls were held up by the same outage, and the heartbeat came in first.
    let known = heard().await - LATER.mul_f64(0.6);
    heard().await;
    let held_up = TakeOverRequest {
        heard_at: known,
        ..request(&next, MANY)
    };
    assert_eq!(ask(&next, &held_up).await, [], "the other's may be next");
    assert!(!worker(&next, scene.worker).await.fenced);
    assert_eq!(scene.status(held).await, LeaseStatus::Held);
    let at_once = TakeOverRequest {
        heard_at: heard().await,
        ..request(&next, MANY)
    };
    let taken = ask(&next, &at_once).await;
    let jobs: Vec<_> = taken.iter().map(|taken| taken.lease.key.job).collect();
    assert_eq!(jobs, [held.job]);
}
