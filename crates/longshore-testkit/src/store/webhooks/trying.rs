//! Taking deliveries that are due, and what comes of their tries.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{Delivery, DueDelivery, Store, StoreError, Tried};
use longshore_core::webhook::{DeliveryId, DeliveryState, WebhookId};

use super::{delivered, in_vain, listed, named, note, with_deliveries};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;

const HOUR: Duration = Duration::from_hours(1);

/// Takes all that is due, for an hour.
async fn taken(store: &Arc<dyn Store>) -> Vec<DueDelivery> {
    let taken = store.take_deliveries(1000, &[], HOUR).await;
    taken.expect("a look")
}

/// Takes the only one that is due.
async fn the_one(store: &Arc<dyn Store>) -> DueDelivery {
    let mut due = taken(store).await;
    assert_eq!(due.len(), 1, "{due:?}");
    due.remove(0)
}

async fn noted(store: &Arc<dyn Store>, tried: &Tried) -> bool {
    store.note_tried(tried).await.expect("an answer")
}

pub async fn what_is_taken_says_how_it_is_sent_and_is_nobody_elses(h: &dyn StoreHarness) {
    let store = h.open().await;
    let webhook = with_deliveries(&store, "ci", 3).await;
    let new = named("ci");
    let first = store.take_deliveries(2, &[], HOUR).await.expect("a look");
    let second = h.open().await.take_deliveries(2, &[], HOUR).await;
    let second = second.expect("a look");
    assert_eq!((first.len(), second.len()), (2, 1));
    for due in first.iter().chain(&second) {
        assert_eq!((&due.url, &due.key), (&new.url, &new.key));
        assert_eq!(due.delivery.webhook, webhook.id);
        assert_eq!(due.delivery.tries, 1, "it counts this one");
    }
    let all = first.iter().chain(&second);
    let jobs: BTreeSet<i64> = all.map(|due| due.delivery.job.0).collect();
    assert_eq!(jobs, BTreeSet::from([1, 2, 3]));
    assert_eq!(taken(&store).await, []);
}

pub async fn what_was_taken_is_due_again_once_its_time_is_over(h: &dyn StoreHarness) {
    let store = h.open().await;
    with_deliveries(&store, "ci", 1).await;
    let first = store.take_deliveries(9, &[], Duration::ZERO).await;
    let first = first.expect("a look");
    let again = the_one(&store).await;
    assert_eq!(again.delivery.id, first[0].delivery.id);
    assert_eq!(again.delivery.tries, 2);
    // Whoever had it before is too late.
    assert!(!noted(&store, &delivered(&first[0])).await);
    assert_eq!(listed(&store).await[0].delivery, DeliveryState::Waiting);
    assert!(noted(&store, &delivered(&again)).await);
}

pub async fn deliveries_that_many_take_at_once_go_to_one_each(h: &dyn StoreHarness) {
    let handles = [h.open().await, h.open().await];
    with_deliveries(&handles[0], "ci", 40).await;
    let takers = handles.iter().chain(&handles).cloned();
    let takings = all_at_once(takers, |store: Arc<dyn Store>| async move {
        let mut all = Vec::new();
        loop {
            let due = store.take_deliveries(3, &[], HOUR).await.expect("a look");
            // Rows that another takes at this moment are passed over: they are its.
            if due.is_empty() {
                return all;
            }
            all.extend(due.into_iter().map(|due| due.delivery.id));
        }
    })
    .await;
    let mut all: Vec<DeliveryId> = takings.into_iter().flatten().collect();
    // What was passed over while its taker was about to leave it.
    all.extend(taken(&handles[0]).await.iter().map(|due| due.delivery.id));
    let once: BTreeSet<_> = all.iter().copied().collect();
    assert_eq!((all.len(), once.len()), (40, 40));
}

pub async fn what_is_disabled_or_left_out_is_not_taken(h: &dyn StoreHarness) {
    let store = h.open().await;
    let ours = with_deliveries(&store, "ours", 1).await;
    let other = with_deliveries(&store, "other", 1).await;
    let disabled = with_deliveries(&store, "disabled", 1).await;
    let switched = store.switch_webhook(disabled.id, false).await;
    switched.expect("it is known");
    let of = async |except: &[WebhookId]| {
        let due = store.take_deliveries(9, except, HOUR).await;
        let due = due.expect("a look").into_iter();
        due.map(|due| due.delivery.webhook).collect::<Vec<_>>()
    };
    assert_eq!(of(&[other.id]).await, [ours.id]);
    assert_eq!(of(&[]).await, [other.id]);
    let switched = store.switch_webhook(disabled.id, true).await;
    switched.expect("it is known");
    assert_eq!(of(&[]).await, [disabled.id], "it goes on");
}

pub async fn what_was_delivered_is_sent_no_more(h: &dyn StoreHarness) {
    let store = h.open().await;
    with_deliveries(&store, "ci", 1).await;
    let due = store.take_deliveries(9, &[], Duration::ZERO).await;
    let due = due.expect("a look").remove(0);
    let before = store.now().await.expect("now");
    assert!(noted(&store, &delivered(&due)).await);
    assert!(!noted(&store, &in_vain(&due)).await, "it has ended");
    assert_eq!(taken(&store).await, []);
    let found = listed(&h.open().await).await.remove(0);
    assert_eq!(found.delivery, DeliveryState::Delivered);
    assert_eq!((found.status, &found.problem), (Some(204), &None));
    assert_eq!((found.tries, found.next_at), (1, None));
    assert!(found.ended_at.is_some_and(|at| before <= at));
}

pub async fn a_try_in_vain_is_repeated_after_its_pause_and_then_given_up(h: &dyn StoreHarness) {
    let store = h.open().await;
    with_deliveries(&store, "ci", 1).await;
    let due = the_one(&store).await;
    let again = Tried {
        again_in: Some(HOUR),
        ..in_vain(&due)
    };
    let before = store.now().await.expect("now");
    assert!(noted(&store, &again).await);
    assert_eq!(taken(&store).await, [], "not before its pause is over");
    let found = listed(&store).await.remove(0);
    assert_eq!(found.delivery, DeliveryState::Waiting);
    assert!(found.next_at.is_some_and(|at| at >= before + HOUR));
    assert_eq!((found.status, found.problem), (Some(500), again.problem));
    assert_eq!(found.ended_at, None);

    // One who can't wait asks for it.
    store
        .send_again(due.delivery.id)
        .await
        .expect("it is known");
    let due = the_one(&store).await;
    assert_eq!(due.delivery.tries, 2);
    let unanswered = Tried {
        status: None,
        problem: Some("nobody answered".to_owned()),
        again_in: Some(Duration::ZERO),
        ..in_vain(&due)
    };
    assert!(noted(&store, &unanswered).await);
    let due = the_one(&store).await;
    assert_eq!(due.delivery.tries, 3);
    assert_eq!(due.delivery.status, None, "of the newest try");
    assert!(noted(&store, &in_vain(&due)).await);
    let found = listed(&store).await.remove(0);
    assert_eq!(found.delivery, DeliveryState::GivenUp);
    assert!(found.ended_at.is_some() && found.next_at.is_none());
    assert_eq!(taken(&store).await, []);
}

pub async fn what_has_ended_is_sent_again_when_somebody_asks(h: &dyn StoreHarness) {
    let store = h.open().await;
    with_deliveries(&store, "ci", 2).await;
    let due = taken(&store).await;
    assert!(noted(&store, &delivered(&due[0])).await);
    assert!(noted(&store, &in_vain(&due[1])).await);
    for ended in &due {
        let again = store.send_again(ended.delivery.id).await;
        let again = again.expect("it is known");
        assert_eq!(again.delivery, DeliveryState::Waiting);
        assert_eq!(
            (again.tries, again.ended_at),
            (0, None),
            "with all its tries"
        );
        let due = the_one(&store).await;
        assert_eq!(
            (due.delivery.id, due.delivery.tries),
            (ended.delivery.id, 1)
        );
    }
    let unknown = DeliveryId(due[1].delivery.id.0 + 1);
    match store.send_again(unknown).await {
        Err(StoreError::UnknownDelivery(id)) => assert_eq!(id, unknown),
        other => panic!("expected an unknown delivery, got {other:?}"),
    }
}

pub async fn deliveries_go_30_days_after_they_ended_when_the_storage_is_tended(
    h: &dyn StoreHarness,
) {
    let store = h.open().await;
    let webhook = with_deliveries(&store, "ci", 2).await;
    let tend = async || {
        let retention = longshore_core::store::Retention {
            keep: HOUR,
            batch: 100,
        };
        store.tend_storage(retention).await.expect("tended");
        let left = listed(&store).await.into_iter();
        left.map(|delivery| delivery.job.0).collect::<Vec<_>>()
    };
    let due = taken(&store).await;
    let of_first = due.iter().find(|due| due.delivery.job.0 == 1);
    assert!(noted(&store, &delivered(of_first.expect("of job 1"))).await);
    h.age_deliveries(Delivery::KEPT.saturating_sub(HOUR)).await;
    note(&store, webhook.id, [3]).await;
    assert_eq!(tend().await, [3, 2, 1]);
    // What could not be sent for so long is given up.
    let state = async |job: i64| {
        let found = listed(&store).await.into_iter();
        let mut found = found.filter(|delivery| delivery.job.0 == job);
        let found = found.next().expect("it is there");
        (found.delivery, found.problem.is_some())
    };
    assert_eq!(state(2).await, (DeliveryState::GivenUp, true));
    assert_eq!(state(3).await, (DeliveryState::Waiting, false));
    h.age_deliveries(2 * HOUR).await;
    assert_eq!(tend().await, [3, 2]);
}
