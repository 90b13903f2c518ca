//! Hosts that are gone for good: by a person's word, or by their queue's policy.

use std::time::Duration;

use longshore_core::disposition::Disposition;
use longshore_core::host::UNSEEN_IS_LOST;
use longshore_core::queue::{OnHostLost, QueueChange};
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseKey, LeaseStatus, StoreError};
use longshore_core::{HostId, JobId};

use super::{
    MANY, ask, falls_silent, jobs_of, part, reach, request, says_goodbye, successor, take_one,
    take_over,
};
use crate::store::scene::{Scene, host_facts};
use crate::store::seed::Seed;
use crate::store::{Aged, StoreHarness};

async fn forget(scene: &Scene) {
    let host = scene.store.forget_host(scene.host).await;
    assert!(host.expect("nobody reaches it").forgotten_at.is_some());
}

async fn refusal(scene: &Scene) -> String {
    match scene.store.forget_host(scene.host).await {
        Err(StoreError::Invalid(error)) => {
            assert_eq!(error.field, "host");
            error.problem
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

async fn is_forgotten(scene: &Scene) -> bool {
    let hosts = scene.store.hosts().await.expect("hosts");
    let host = hosts.iter().find(|host| host.id == scene.host);
    host.expect("a known host").forgotten_at.is_some()
}

async fn set_policy(scene: &Scene, on_host_lost: OnHostLost) {
    let change = QueueChange {
        on_host_lost: Some(on_host_lost),
        ..QueueChange::default()
    };
    let changed = scene.store.change_queue(&scene.queue.name, &change).await;
    assert_eq!(changed.expect("a known queue").on_host_lost, on_host_lost);
}

pub async fn a_host_that_a_live_worker_reaches_cannot_be_forgotten(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let problem = refusal(&scene).await;
    assert!(
        problem.contains(&format!("worker {} reaches", next.worker)),
        "{problem}"
    );
    assert!(!is_forgotten(&scene).await, "nothing was changed");
    // Whoever serves the queue and reaches another host is no obstacle, nor is one that is gone.
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    reach(&scene, &[other.expect("a host")]).await;
    falls_silent(h, &next).await;
    forget(&scene).await;
    forget(&scene).await;
    assert!(is_forgotten(&scene).await);
}

pub async fn a_host_that_its_workers_cannot_reach_can_be_forgotten(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    reach(&scene, &[scene.host]).await;
    refusal(&scene).await;
    let noted = scene.store.note_host_problem(scene.host, "no answer").await;
    noted.expect("a known host");
    forget(&scene).await;
}

pub async fn an_unknown_host_cannot_be_forgotten(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut nowhere = scene.twin(h).await;
    nowhere.host = HostId(i64::from(i32::MAX));
    refusal(&nowhere).await;
    assert!(!is_forgotten(&scene).await);
}

/// A job that ran on the scene's host, with some output, and one on another host.
async fn one_here_one_there(scene: &Scene) -> (LeaseKey, LeaseKey) {
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let here = scene.running(Seed::job()).await;
    let stdout = longshore_core::output::Stream::Stdout;
    let appends = [part(here, 0, stdout, 0, b"some")];
    scene.store.append_output(&appends).await.expect("append");
    let there = scene.leased(Seed::job()).await;
    let other = other.expect("a host");
    scene
        .mark_launched_on(there, other, longshore_core::host::Demand::default())
        .await;
    (here, there)
}

pub async fn leases_on_a_host_that_is_gone_move_to_whoever_serves_their_queue(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let (here, there) = one_here_one_there(&scene).await;
    falls_silent(h, &scene).await;
    let next = scene.twin(h).await;
    assert_eq!(take_over(&next, MANY).await, [], "it reaches neither host");
    forget(&scene).await;
    let taken = take_one(&next).await;
    assert_eq!(taken.lease.key.job, here.job);
    assert!(taken.is_host_gone && taken.launched.is_some());
    assert_eq!((taken.orphaned, taken.output.bytes), (1, [4, 0]));
    assert_eq!(scene.status(there).await, LeaseStatus::Held, "not there");
    next.end(taken.lease.key, Disposition::Lost).await;
    let again = next.acquire_one().await;
    assert_eq!(
        (again.key.job, again.key.attempt.0),
        (here.job, here.attempt.0 + 1)
    );
    assert_eq!((again.spent.tries, again.spent.losses), (0, 1));
}

pub async fn whose_queue_a_worker_does_not_serve_it_leaves_on_a_host_that_is_gone(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let (here, _) = one_here_one_there(&scene).await;
    falls_silent(h, &scene).await;
    forget(&scene).await;
    let next = scene.twin(h).await;
    let said = next.store.set_worker_reach(next.worker, &[], &[]);
    said.await.expect("a known worker");
    assert_eq!(take_over(&next, MANY).await, []);
    reach(&next, &[]).await;
    assert_eq!(jobs_of(&take_over(&next, MANY).await), [here.job]);
}

pub async fn a_worker_is_told_of_its_own_leases_on_a_host_that_is_gone(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (here, there) = one_here_one_there(&scene).await;
    let next = scene.twin(h).await;
    forget(&scene).await;
    assert_eq!(
        take_over(&next, MANY).await,
        [],
        "its holder lives, and ends it itself"
    );
    let request = request(&scene, MANY);
    let told = ask(&scene, &request).await;
    assert_eq!(jobs_of(&told), [here.job]);
    let told = &told[0];
    assert!(told.is_host_gone);
    assert_eq!((told.from, told.last_token), (scene.worker, here.token));
    assert_eq!(told.orphaned, 0, "nobody died");
    assert_eq!(scene.status(here).await, LeaseStatus::Lost);
    assert_eq!(scene.status(there).await, LeaseStatus::Held);
    scene.end(told.lease.key, Disposition::Lost).await;
    assert_eq!(take_over(&scene, MANY).await, []);
}

pub async fn a_host_that_is_seen_again_is_gone_no_longer(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (here, _) = one_here_one_there(&scene).await;
    forget(&scene).await;
    let same = scene.store.register_host(&host_facts("machine-1")).await;
    assert_eq!(same.expect("a host"), scene.host);
    assert!(!is_forgotten(&scene).await);
    assert_eq!(take_over(&scene, MANY).await, []);
    says_goodbye(&scene).await;
    let next = scene.twin(h).await;
    assert_eq!(take_over(&next, MANY).await, [], "it does not reach it");
    reach(&next, &[next.host]).await;
    let taken = take_one(&next).await;
    assert_eq!(taken.lease.key.job, here.job);
    assert!(!taken.is_host_gone);
    next.settle(taken.lease.key, TerminalState::Completed).await;
}

pub async fn jobs_on_a_host_unseen_for_a_minute_move_where_their_queue_says_so(
    h: &dyn StoreHarness,
) {
    const NEARLY: Duration = Duration::from_secs(20);
    let scene = Scene::open(h).await;
    let (here, there) = one_here_one_there(&scene).await;
    let next = scene.twin(h).await;
    set_policy(&scene, OnHostLost::Retry).await;
    falls_silent(h, &scene).await;
    assert_eq!(take_over(&next, MANY).await, []);
    h.age(Aged::HostSeen(scene.host), NEARLY).await;
    assert_eq!(take_over(&next, MANY).await, [], "not yet a minute");
    h.age(Aged::HostSeen(scene.host), UNSEEN_IS_LOST).await;
    set_policy(&scene, OnHostLost::Wait).await;
    assert_eq!(take_over(&next, MANY).await, [], "they wait");
    set_policy(&scene, OnHostLost::Retry).await;
    let told = take_one(&next).await;
    assert_eq!((told.lease.key.job, told.is_host_gone), (here.job, true));
    assert_eq!(scene.status(there).await, LeaseStatus::Held);
    // Seen again before it was ended: it is the holder's as any other.
    let same = scene.store.register_host(&host_facts("machine-1")).await;
    same.expect("a host");
    assert_eq!(take_over(&next, MANY).await, [] as [_; 0]);
    assert_eq!(next.status(told.lease.key).await, LeaseStatus::Held);
    let jobs: Vec<JobId> = vec![here.job, there.job];
    assert_eq!(next.store.states(&jobs).await.expect("states").len(), 2);
}

pub async fn a_host_that_the_caller_itself_reaches_is_not_gone(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let (here, _) = one_here_one_there(&scene).await;
    set_policy(&scene, OnHostLost::Retry).await;
    reach(&scene, &[scene.host]).await;
    // As after an hour without the database: nobody could say that the host was seen.
    h.age(Aged::HostSeen(scene.host), 2 * UNSEEN_IS_LOST).await;
    assert_eq!(take_over(&scene, MANY).await, [], "it runs on");
    assert_eq!(scene.status(here).await, LeaseStatus::Held);
    let noted = scene.store.note_host_problem(scene.host, "no answer").await;
    noted.expect("a known host");
    let told = ask(&scene, &request(&scene, MANY)).await;
    assert_eq!(jobs_of(&told), [here.job]);
    assert!(told[0].is_host_gone);
}
