//! Making, switching and taking away webhooks.

use std::collections::BTreeSet;
use std::sync::Arc;

use longshore_core::State;
use longshore_core::store::{Store, StoreError};
use longshore_core::webhook::{NewWebhook, SigningKey, Wanted, WebhookId};

use super::{listed, made, named, with_deliveries};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;

pub async fn a_webhook_reads_back_as_it_was_made(h: &dyn StoreHarness) {
    let store = h.open().await;
    let before = store.now().await.expect("now");
    let new = NewWebhook {
        wanted: Wanted {
            states: BTreeSet::from([State::Running, State::Failed]),
            queue: Some("nightly".to_owned()),
        },
        ..named("ci")
    };
    let webhook = made(&store, &new).await;
    let after = store.now().await.expect("now");
    assert_eq!(
        (
            &webhook.name,
            &webhook.url,
            &webhook.wanted,
            webhook.enabled
        ),
        (&new.name, &new.url, &new.wanted, true)
    );
    assert!(before <= webhook.created_at && webhook.created_at <= after);
    let found = h.open().await.webhooks().await.expect("webhooks");
    assert_eq!(found, [webhook]);
}

pub async fn webhooks_are_listed_by_name(h: &dyn StoreHarness) {
    let store = h.open().await;
    let mut expected = Vec::new();
    for name in ["b", "a-2", "c", "a"] {
        expected.push(made(&store, &named(name)).await);
    }
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(store.webhooks().await.expect("webhooks"), expected);
}

pub async fn of_twins_that_make_a_webhook_of_one_name_exactly_one_succeeds(h: &dyn StoreHarness) {
    let handles = [h.open().await, h.open().await];
    for round in 0..10 {
        let new = named(&format!("ci-{round}"));
        let makers = handles.iter().chain(&handles).cloned();
        let answers = all_at_once(makers, |store: Arc<dyn Store>| {
            let new = new.clone();
            async move { store.create_webhook(&new).await }
        })
        .await;
        let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(done.len(), 1, "{done:?}");
        for answer in refused {
            match answer {
                Err(StoreError::WebhookExists(name)) => assert_eq!(name, new.name),
                other => panic!("expected that it is there, got {other:?}"),
            }
        }
    }
    let found = handles[1].webhooks().await.expect("webhooks");
    assert_eq!(found.len(), 10, "one of each name");
}

pub async fn a_bad_webhook_is_refused_by_field_and_nothing_made(h: &dyn StoreHarness) {
    let store = h.open().await;
    let at = |url: &str| NewWebhook {
        url: url.to_owned(),
        ..named("ci")
    };
    let short = NewWebhook {
        key: SigningKey("short".to_owned()),
        ..named("ci")
    };
    let long = format!("https://{}", "a".repeat(NewWebhook::MAX_URL_BYTES));
    let of_queue = |queue: &str| NewWebhook {
        wanted: Wanted {
            queue: Some(queue.to_owned()),
            ..Wanted::default()
        },
        ..named("ci")
    };
    for (new, field) in [
        (of_queue(""), "queue"),
        (of_queue("night\0ly"), "queue"),
        (of_queue(&"x".repeat(64)), "queue"),
        (named(""), "name"),
        (named("CI"), "name"),
        (named("ci\0"), "name"),
        (at("ftp://ci.example"), "url"),
        (at("https://ci.example/\0"), "url"),
        (at(&long), "url"),
        (short, "key"),
    ] {
        match store.create_webhook(&new).await {
            Err(StoreError::Invalid(refused)) => assert_eq!(refused.field, field, "{new:?}"),
            other => panic!("expected a refusal of {field}, got {other:?}"),
        }
    }
    assert_eq!(store.webhooks().await.expect("webhooks"), []);
}

pub async fn a_webhook_is_disabled_and_enabled_again(h: &dyn StoreHarness) {
    let store = h.open().await;
    let first = made(&store, &named("first")).await;
    let webhook = made(&store, &named("ci")).await;
    for enabled in [false, false, true] {
        let switched = store.switch_webhook(webhook.id, enabled).await;
        let switched = switched.expect("it is known");
        let mut expected = webhook.clone();
        expected.enabled = enabled;
        assert_eq!(switched, expected);
        let found = h.open().await.webhooks().await.expect("webhooks");
        assert_eq!(
            found,
            [switched, first.clone()],
            "the other stays as it was"
        );
    }
}

pub async fn a_webhook_that_is_taken_away_takes_its_deliveries_along(h: &dyn StoreHarness) {
    let store = h.open().await;
    let first = with_deliveries(&store, "first", 2).await;
    let gone = with_deliveries(&store, "gone", 3).await;
    store.delete_webhook(gone.id).await.expect("it is known");
    assert_eq!(
        store.webhooks().await.expect("webhooks"),
        std::slice::from_ref(&first)
    );
    let left = listed(&store).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|delivery| delivery.webhook == first.id));
    let of_gone = store.deliveries(Some(gone.id), None, None, 9).await;
    assert_eq!(of_gone.expect("a list"), []);
    // And its name is free, and its number nobody's.
    let again = made(&store, &named("gone")).await;
    assert!(again.id > gone.id);
}

pub async fn an_unknown_webhook_is_an_error(h: &dyn StoreHarness) {
    let store = h.open().await;
    let webhook = made(&store, &named("ci")).await;
    let unknown = WebhookId(webhook.id.0 + 1);
    for answer in [
        store.switch_webhook(unknown, false).await.map(drop),
        store.delete_webhook(unknown).await,
    ] {
        match answer {
            Err(StoreError::UnknownWebhook(id)) => assert_eq!(id, unknown),
            other => panic!("expected an unknown webhook, got {other:?}"),
        }
    }
    assert_eq!(store.webhooks().await.expect("webhooks"), [webhook]);
}
