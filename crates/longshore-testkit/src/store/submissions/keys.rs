//! Idempotency keys (promise S4): a submission whose reply was lost can be sent again.

use std::sync::Arc;

use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::{StoreError, Submitted};

use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::rest::every_job;
use crate::store::scene::{QUEUE, Scene};
use crate::store::seed::Seed;

pub async fn a_lost_reply_is_answered_with_the_first_job(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let call = [Seed::job().key("a"), Seed::job().key("b")].map(|seed| seed.build_in(QUEUE));
    let first = scene.store.submit(&call).await.expect("submit");
    assert!(first.iter().all(|answer| answer.is_new));
    let again = h
        .open()
        .await
        .submit(&call)
        .await
        .expect("the same call again");
    let expected: Vec<_> = first
        .iter()
        .map(|answer| Submitted {
            is_new: false,
            ..*answer
        })
        .collect();
    assert_eq!(again, expected);
    assert_eq!(every_job(&*scene.store).await.len(), 2);
}

pub async fn a_key_used_twice_in_one_call_makes_one_job(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let call = [Seed::job().key("a"), Seed::job(), Seed::job().key("a")];
    let answers = scene
        .store
        .submit(&call.map(|seed| seed.build_in(QUEUE)))
        .await
        .expect("submit");
    assert_eq!(
        answers[2],
        Submitted {
            job: answers[0].job,
            is_new: false
        }
    );
    assert!(answers[0].is_new && answers[1].is_new);
    assert_ne!(answers[0].job, answers[1].job);
    assert_eq!(every_job(&*scene.store).await.len(), 2);
}

pub async fn a_key_used_for_another_spec_is_refused_and_nothing_submitted(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let first = scene.submit(Seed::job().key("a")).await;
    let call = [Seed::job().key("new"), Seed::job().key("a").priority(51)];
    match scene
        .store
        .submit(&call.map(|seed| seed.build_in(QUEUE)))
        .await
    {
        Err(StoreError::IdempotencyKeyReused { key, job }) => {
            assert_eq!((key.as_str(), job), ("a", first));
        }
        other => panic!("expected a reused key, got {other:?}"),
    }
    assert_eq!(scene.store.newest_job().await.expect("newest"), Some(first));
    assert_eq!(
        scene.acquire_ids(10).await,
        [first],
        "nothing of the call waits"
    );
}

pub async fn a_key_used_for_two_specs_in_one_call_is_refused_whole(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let call = [
        Seed::job(),
        Seed::job().key("a"),
        Seed::job().key("a").priority(51),
    ];
    match scene
        .store
        .submit(&call.map(|seed| seed.build_in(QUEUE)))
        .await
    {
        Err(StoreError::IdempotencyKeyReused { key, .. }) => assert_eq!(key, "a"),
        other => panic!("expected a reused key, got {other:?}"),
    }
    assert_eq!(scene.store.newest_job().await.expect("newest"), None);
}

pub async fn a_key_belongs_to_its_job_for_as_long_as_its_row_exists(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job().key("a")).await;
    scene
        .end(key, Disposition::Settle(TerminalState::Completed))
        .await;
    let again = [Seed::job().key("a").build_in(QUEUE)];
    let answers = scene.store.submit(&again).await.expect("submit");
    assert_eq!(
        answers,
        [Submitted {
            job: key.job,
            is_new: false
        }],
        "also when it has ended"
    );
}

pub async fn one_key_from_eight_tasks_at_once_makes_exactly_one_job(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut handles = vec![Arc::clone(&scene.store)];
    for _ in 0..3 {
        handles.push(h.open().await);
    }
    for round in 0..10 {
        let job = Seed::job().key(&format!("round {round}")).build_in(QUEUE);
        let stores = handles.iter().chain(&handles).cloned();
        let answers = all_at_once(stores, |store| {
            let jobs = [job.clone()];
            async move { store.submit(&jobs).await.expect("submit")[0] }
        })
        .await;
        let new = answers.iter().filter(|answer| answer.is_new).count();
        assert_eq!(new, 1, "round {round}: {answers:?}");
        assert!(
            answers.iter().all(|answer| answer.job == answers[0].job),
            "{answers:?}"
        );
    }
    assert_eq!(every_job(&*scene.store).await.len(), 10);
}

pub async fn keys_in_opposite_orders_from_two_handles_do_not_block_each_other(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let other = h.open().await;
    for round in 0..20 {
        let key = |name: &str| Seed::job().key(&format!("{name} {round}")).build_in(QUEUE);
        let forth = [key("a"), key("b"), key("c")];
        let back = [key("c"), key("b"), key("a")];
        let (forth, back) = tokio::join!(scene.store.submit(&forth), other.submit(&back));
        let mut forth = forth.expect("a collision is retried by the store");
        let back = back.expect("a collision is retried by the store");
        forth.reverse();
        for (a, b) in forth.iter().zip(&back) {
            assert_eq!(a.job, b.job, "one job per key");
            assert!(
                a.is_new != b.is_new,
                "exactly one of the two made it: {a:?} {b:?}"
            );
        }
    }
}
