//! From changes to deliveries.

use std::collections::BTreeSet;

use longshore_core::State;
use longshore_core::store::{Delivery, Noted, note_all_changes, note_changes};
use longshore_core::webhook::{DeliveryState, NewDelivery, NewWebhook, Wanted};

use super::{listed, made, named, note};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::Scene;
use crate::store::seed::Seed;

/// A webhook that wants to hear of jobs in this state.
fn of_state(name: &str, state: State) -> NewWebhook {
    NewWebhook {
        wanted: Wanted {
            states: BTreeSet::from([state]),
            queue: None,
        },
        ..named(name)
    }
}

pub async fn the_cursor_is_begun_once_and_moved_from_where_it_stands(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let store = &scene.store;
    let stands = async || store.webhook_cursor().await.expect("a look");
    assert_eq!(stands().await, None);
    let first = store.newest_change().await.expect("a cursor");
    let noted = store.note_deliveries(None, &first, &[]).await;
    assert!(noted.expect("noted"));
    scene.submit(Seed::job()).await;
    let second = store.newest_change().await.expect("a cursor");
    let begun_again = store.note_deliveries(None, &second, &[]).await;
    assert!(!begun_again.expect("noted"), "it was begun already");
    assert_eq!(stands().await.as_ref(), Some(&first));
    let webhook = made(store, &named("ci")).await;
    let stood = stands().await.expect("a cursor");
    scene.submit(Seed::job()).await;
    let third = store.newest_change().await.expect("a cursor");
    let delivery = NewDelivery {
        webhook: webhook.id,
        job: longshore_core::JobId(1),
        state: State::Completed,
        at: webhook.created_at,
    };
    let moved = store
        .note_deliveries(Some(&stood), &third, &[delivery])
        .await;
    assert!(moved.expect("noted"));
    let late = store
        .note_deliveries(Some(&stood), &third, &[delivery])
        .await;
    assert!(!late.expect("noted"), "it stands elsewhere");
    let found = h.open().await.webhook_cursor().await.expect("a look");
    assert_eq!(found, Some(third));
    assert_eq!(listed(store).await.len(), 1, "what did not move made none");
}

pub async fn what_comes_after_a_webhook_is_told_though_nobody_read_yet(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let store = &scene.store;
    scene.submit(Seed::job()).await;
    let webhook = made(store, &of_state("queued", State::Queued)).await;
    let job = scene.submit(Seed::job()).await;
    note_all_changes(&**store).await.expect("noted");
    let told = async || {
        let told = listed(store).await;
        told.iter().map(|d| d.job).collect::<BTreeSet<_>>()
    };
    assert!(told().await.contains(&job));
    // Once there was none for a while, too: nobody read meanwhile.
    store.delete_webhook(webhook.id).await.expect("it is known");
    for _ in 0..5 {
        scene.submit(Seed::job()).await;
    }
    let newest = store.newest_change().await.expect("a cursor");
    made(store, &of_state("again", State::Queued)).await;
    let cursor = store.webhook_cursor().await.expect("a look");
    assert_eq!(cursor, Some(newest), "what lies between is nobody's");
    let job = scene.submit(Seed::job()).await;
    note_all_changes(&**store).await.expect("noted");
    assert!(told().await.contains(&job));
}

pub async fn a_new_delivery_is_due_at_once_and_says_of_what(h: &dyn StoreHarness) {
    let store = h.open().await;
    let webhook = made(&store, &named("ci")).await;
    let before = store.now().await.expect("now");
    note(&store, webhook.id, [7]).await;
    let found = listed(&store).await;
    let [delivery] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(delivery.webhook, webhook.id);
    assert_eq!(delivery.job.0, 7);
    assert_eq!(delivery.state, State::Completed);
    assert_eq!(delivery.delivery, DeliveryState::Waiting);
    assert_eq!((delivery.tries, delivery.status), (0, None));
    assert_eq!((delivery.ended_at, &delivery.problem), (None, &None));
    assert!(delivery.next_at.is_some_and(|at| before <= at));
}

pub async fn nothing_is_noted_for_webhooks_that_are_gone_or_disabled(h: &dyn StoreHarness) {
    let store = h.open().await;
    let gone = made(&store, &named("gone")).await;
    store.delete_webhook(gone.id).await.expect("it is known");
    let disabled = made(&store, &named("disabled")).await;
    let switched = store.switch_webhook(disabled.id, false).await;
    switched.expect("it is known");
    note(&store, gone.id, [1]).await;
    note(&store, disabled.id, [1]).await;
    assert_eq!(listed(&store).await, []);
}

pub async fn while_there_is_no_webhook_nothing_is_read(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene.submit(Seed::job()).await;
    let noted = note_changes(&*scene.store).await.expect("noted");
    let expected = Noted::All {
        for_webhooks: false,
    };
    assert_eq!(noted, expected);
    let cursor = scene.store.webhook_cursor().await.expect("a look");
    assert_eq!(cursor, None);
}

pub async fn a_webhook_is_told_of_what_it_wants_and_of_nothing_before_it(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let store = &scene.store;
    // Long enough ago for a clock that is read to the millisecond.
    let early = scene.submit(Seed::job()).await;
    let early_at = store.now().await.expect("now").as_millisecond();
    crate::wait::eventually("the clock goes on", async || {
        let now = store.now().await.expect("now");
        (now.as_millisecond() > early_at + 1).then_some(())
    })
    .await;
    let queued = made(store, &of_state("queued", State::Queued)).await;
    let cancelled = made(store, &of_state("cancelled", State::Cancelled)).await;
    let elsewhere = NewWebhook {
        wanted: Wanted {
            queue: Some("elsewhere".to_owned()),
            ..Wanted::default()
        },
        ..named("elsewhere")
    };
    made(store, &elsewhere).await;
    note_all_changes(&**store).await.expect("noted");
    let late = scene.submit(Seed::job()).await;
    store.request_cancel(early).await.expect("cancelled");
    note_all_changes(&**store).await.expect("noted");
    let told: BTreeSet<_> = listed(store)
        .await
        .iter()
        .map(|delivery| (delivery.webhook, delivery.job, delivery.state))
        .collect();
    let expected = BTreeSet::from([
        (queued.id, late, State::Queued),
        (cancelled.id, early, State::Cancelled),
    ]);
    assert_eq!(told, expected);
}

pub async fn each_change_becomes_one_delivery_however_many_read_the_feed(h: &dyn StoreHarness) {
    const JOBS: usize = 60;
    let scene = Scene::open(h).await;
    let store = &scene.store;
    made(store, &of_state("queued", State::Queued)).await;
    note_all_changes(&**store).await.expect("noted");
    // Readers and a writer at once, each with a handle of its own.
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(scene.sharing_worker(h).await);
    }
    let tasks = handles.into_iter().enumerate();
    all_at_once(tasks, |(index, scene)| async move {
        if index == 0 {
            for _ in 0..JOBS {
                scene.submit(Seed::job()).await;
            }
        } else {
            while listed(&scene.store).await.len() < JOBS {
                note_changes(&*scene.store).await.expect("noted");
            }
        }
    })
    .await;
    note_all_changes(&**store).await.expect("noted");
    let told = listed(store).await;
    let jobs: BTreeSet<_> = told.iter().map(|delivery| delivery.job).collect();
    assert_eq!((told.len(), jobs.len()), (JOBS, JOBS), "each once");
}

pub async fn deliveries_are_listed_newest_first_in_pages(h: &dyn StoreHarness) {
    let store = h.open().await;
    let ours = made(&store, &named("ours")).await;
    let other = made(&store, &named("other")).await;
    for job in 1..=5 {
        note(&store, ours.id, [job]).await;
        note(&store, other.id, [job]).await;
    }
    let all = listed(&store).await;
    assert_eq!(all.len(), 10);
    assert!(all.is_sorted_by(|a, b| a.id > b.id));
    let of_ours: Vec<_> = all
        .iter()
        .filter(|d| d.webhook == ours.id)
        .cloned()
        .collect();
    let of_job: Vec<_> = all.iter().filter(|d| d.job.0 == 3).cloned().collect();
    let of_both: Vec<_> = of_ours.iter().filter(|d| d.job.0 == 3).cloned().collect();
    let job = Some(longshore_core::JobId(3));
    for (webhook, job, expected) in [
        (None, None, &all),
        (Some(ours.id), None, &of_ours),
        (None, job, &of_job),
        (Some(ours.id), job, &of_both),
    ] {
        let mut found: Vec<Delivery> = Vec::new();
        loop {
            let before = found.last().map(|delivery| delivery.id);
            // None counts as one.
            let page = store.deliveries(webhook, job, before, 0).await;
            let page = page.expect("a page");
            assert!(page.len() <= 1);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(&found, expected);
    }
}
