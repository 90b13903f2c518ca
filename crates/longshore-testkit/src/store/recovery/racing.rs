//! Take-overs that meet each other, and whatever the old worker still does: one order or the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_core::JobId;
use longshore_core::disposition::Disposition;
use longshore_core::output::Stream;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    CancelOutcome, FenceOutcome, FinishOutcome, Heartbeat, LeaseKey, LeaseStatus, TakenOver,
};

use super::{MANY, falls_silent, part, says_goodbye, successor, take_over, worker};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, new_worker, record_for};
use crate::store::seed::Seed;
use crate::wait::eventually;

/// How often each race is run.
const ROUNDS: usize = 50;

const DONE: Disposition = Disposition::Settle(TerminalState::Completed);

/// The scene goes on as a new worker: the last one was fenced, or is to be.
async fn reborn(scene: &mut Scene) {
    let new = new_worker(&[scene.queue.id]);
    scene.worker = scene.store.register_worker(&new).await.expect("a worker");
}

/// Takes over what the dead left, until it is there: another that has a lease locked at that
/// moment, to end it or to write, is not waited for.
async fn take_at_last(scene: &Scene) -> TakenOver {
    eventually("the lease is let go", async || {
        take_over(scene, MANY).await.pop()
    })
    .await
}

pub async fn leases_that_four_take_over_at_once_go_to_one_each(h: &dyn StoreHarness) {
    const LEASES: usize = 12;
    let mut scene = Scene::open(h).await;
    let mut crew = Vec::new();
    for _ in 0..4 {
        crew.push(Arc::new(successor(h, &scene).await));
    }
    for round in 0..ROUNDS {
        let jobs = scene.submit_all(Seed::jobs(LEASES)).await;
        let leases = scene.acquire(MANY).await;
        assert_eq!(leases.len(), LEASES, "round {round}");
        // Of every other round it is the first that has to be fenced.
        if round % 2 == 0 {
            falls_silent(h, &scene).await;
        } else {
            says_goodbye(&scene).await;
        }
        let taken = all_at_once(crew.iter().cloned(), |scene| async move {
            let mut all = Vec::new();
            // One that others have locked is theirs; who finds none may have come too early.
            for want in [5, 5, MANY] {
                all.extend(take_over(&scene, want).await);
            }
            all
        })
        .await;
        let mut holders: BTreeMap<JobId, (usize, LeaseKey)> = BTreeMap::new();
        let rest = take_over(&crew[0], MANY).await;
        let taken = taken.into_iter().enumerate().chain([(0, rest)]);
        let mut newest = leases.iter().map(|lease| lease.key.token).max();
        let mut tokens = Vec::new();
        for (who, taken) in taken {
            for taken in taken {
                let key = taken.lease.key;
                let earlier = holders.insert(key.job, (who, key));
                assert_eq!(earlier, None, "round {round}: taken twice");
                assert_eq!(taken.from, scene.worker, "round {round}");
                assert_eq!(
                    taken.orphaned,
                    u16::from(round % 2 == 0),
                    "round {round}: counted once"
                );
                tokens.push(key.token);
            }
        }
        tokens.sort_unstable();
        for token in tokens {
            assert!(Some(token) > newest, "round {round}: {token} again");
            newest = Some(token);
        }
        let taken: Vec<JobId> = holders.keys().copied().collect();
        assert_eq!(taken, jobs, "round {round}: each by one");
        for (who, key) in holders.into_values() {
            crew[who].settle(key, TerminalState::Failed).await;
        }
        reborn(&mut scene).await;
    }
}

pub async fn a_heartbeat_meets_a_take_over_and_exactly_one_of_them_wins(h: &dyn StoreHarness) {
    let mut scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    for round in 0..2 * ROUNDS {
        let key = scene.leased(Seed::job().priority(100)).await;
        falls_silent(h, &scene).await;
        let (taken, heartbeat) =
            tokio::join!(take_over(&next, MANY), scene.store.heartbeat(scene.worker));
        let is_fenced = worker(&next, scene.worker).await.fenced;
        match heartbeat.expect("heartbeat") {
            Heartbeat::Alive { drain: false, .. } => {
                assert_eq!((taken, is_fenced), (vec![], false), "round {round}");
                assert_eq!(scene.status(key).await, LeaseStatus::Held);
                scene.settle(key, TerminalState::Failed).await;
            }
            Heartbeat::Fenced => {
                assert_eq!((taken.len(), is_fenced), (1, true), "round {round}");
                assert_eq!(scene.status(key).await, LeaseStatus::Lost);
                next.settle(taken[0].lease.key, TerminalState::Failed).await;
                reborn(&mut scene).await;
            }
            Heartbeat::Alive { drain: true, .. } => panic!("nobody asked it to drain"),
        }
    }
}

pub async fn a_finish_meets_a_take_over_and_exactly_one_of_them_wins(h: &dyn StoreHarness) {
    let mut scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    for round in 0..ROUNDS {
        let key = scene.running(Seed::job()).await;
        falls_silent(h, &scene).await;
        let finish = scene.finish(key, record_for(DONE), DONE);
        let (finished, taken) = tokio::join!(finish, take_over(&next, MANY));
        match finished {
            FinishOutcome::Finished => assert_eq!(taken, [], "round {round}"),
            FinishOutcome::LeaseLost => {
                assert_eq!(taken.len(), 1, "round {round}");
                next.settle(taken[0].lease.key, TerminalState::Failed).await;
            }
            other => panic!("round {round}: {other:?}"),
        }
        reborn(&mut scene).await;
    }
}

pub async fn a_cancellation_meets_a_take_over_and_is_heard_by_the_new_holder(h: &dyn StoreHarness) {
    let mut scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let other = h.open().await;
    for round in 0..ROUNDS {
        let key = scene.running(Seed::job()).await;
        falls_silent(h, &scene).await;
        let (cancelled, taken) =
            tokio::join!(other.request_cancel(key.job), take_over(&next, MANY));
        let requested = cancelled.expect("a known job");
        assert_eq!(requested, CancelOutcome::Requested, "round {round}");
        let held = match taken.first() {
            Some(taken) => taken.lease.key,
            None => {
                let taken = take_at_last(&next).await;
                assert!(taken.cancel_requested, "round {round}");
                taken.lease.key
            }
        };
        let status = next.status(held).await;
        assert_eq!(status, LeaseStatus::CancelRequested, "round {round}");
        next.settle(held, TerminalState::Cancelled).await;
        reborn(&mut scene).await;
    }
}

pub async fn output_of_the_old_worker_is_stored_before_a_take_over_or_not_at_all(
    h: &dyn StoreHarness,
) {
    let mut scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    for round in 0..ROUNDS {
        let key = scene.running(Seed::job()).await;
        falls_silent(h, &scene).await;
        let appends = [part(key, 0, Stream::Stdout, 0, b"late")];
        let append = scene.store.append_output(&appends);
        let (appended, mut taken) = tokio::join!(append, take_over(&next, MANY));
        if taken.is_empty() {
            taken.push(take_at_last(&next).await);
        }
        let stored = match appended.expect("append")[..] {
            [LeaseStatus::Held] => 4,
            [LeaseStatus::Lost] => 0,
            ref other => panic!("round {round}: {other:?}"),
        };
        assert_eq!(taken[0].output.bytes, [stored, 0], "round {round}");
        next.settle(taken[0].lease.key, TerminalState::Failed).await;
        reborn(&mut scene).await;
    }
}

pub async fn a_handle_of_the_old_worker_is_known_to_a_take_over_or_not_stored(
    h: &dyn StoreHarness,
) {
    let mut scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    for round in 0..ROUNDS {
        let key = scene.leased(Seed::job()).await;
        falls_silent(h, &scene).await;
        let (fenced, mut taken) = tokio::join!(scene.mark_launched(key), take_over(&next, MANY));
        if taken.is_empty() {
            taken.push(take_at_last(&next).await);
        }
        let is_known = taken[0].launched.is_some();
        match fenced {
            FenceOutcome::Stored => assert!(is_known, "round {round}: it starts, unknown"),
            FenceOutcome::Lost => assert!(!is_known, "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
        next.settle(taken[0].lease.key, TerminalState::Failed).await;
        reborn(&mut scene).await;
    }
}

pub async fn a_limit_is_never_passed_while_leases_change_hands(h: &dyn StoreHarness) {
    const LIMIT: usize = 3;
    let mut scene = Scene::limited(h, 3).await;
    let next = successor(h, &scene).await;
    let acquirer = successor(h, &scene).await;
    for round in 0..ROUNDS {
        scene.submit_all(Seed::jobs(LIMIT + 1)).await;
        let had = scene.acquire(2).await.len();
        assert_eq!(had, 2, "round {round}");
        falls_silent(h, &scene).await;
        let (mut taken, leases) = tokio::join!(take_over(&next, MANY), acquirer.acquire(MANY));
        assert_eq!(leases.len(), LIMIT - had, "round {round}: no more, no less");
        while taken.len() < had {
            taken.push(take_at_last(&next).await);
        }
        let live = taken.len() + leases.len();
        assert_eq!(live, LIMIT, "round {round}");
        assert_eq!(acquirer.acquire(MANY).await, [], "round {round}");
        for key in taken.iter().map(|taken| taken.lease.key) {
            next.settle(key, TerminalState::Failed).await;
        }
        for lease in leases {
            acquirer.settle(lease.key, TerminalState::Failed).await;
        }
        // Nothing was leaked: all of the limit can be had at once.
        let rest = acquirer.acquire(MANY).await;
        assert_eq!(rest.len(), 1, "round {round}: one job was left");
        acquirer.settle(rest[0].key, TerminalState::Failed).await;
        reborn(&mut scene).await;
    }
}
