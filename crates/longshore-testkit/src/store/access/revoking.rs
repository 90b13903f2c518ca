//! Tokens that were revoked.

use std::time::Duration;

use longshore_core::access::ApiTokenId;
use longshore_core::store::StoreError;

use super::{good_for, is_past, listed, made, named, stored};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;

pub async fn a_revoked_token_is_good_for_nothing_and_stays_in_the_list(h: &dyn StoreHarness) {
    let store = h.open().await;
    let first = made(&store, &named("first")).await;
    let token = made(&store, &good_for("ci", Duration::from_hours(1))).await;
    let last = made(&store, &named("last")).await;
    let before = store.now().await.expect("now");
    let revoked = store.revoke_token(token.id).await.expect("it is known");
    let after = store.now().await.expect("now");
    let revoked_at = revoked.revoked_at.expect("it was revoked");
    assert!(before <= revoked_at && revoked_at <= after, "{revoked:?}");
    let mut expected = token;
    expected.revoked_at = Some(revoked_at);
    expected.is_good = false;
    assert_eq!(revoked, expected, "nothing else of it changed");
    let other = h.open().await;
    assert_eq!(stored(&other, revoked.id).await.token, revoked);
    assert_eq!(
        listed(&other).await,
        [last, revoked, first],
        "others stay good"
    );
}

pub async fn a_token_revoked_again_stays_as_it_was_revoked_first(h: &dyn StoreHarness) {
    let store = h.open().await;
    let token = made(&store, &named("ci")).await;
    let revoked = store.revoke_token(token.id).await.expect("it is known");
    is_past(&store, revoked.revoked_at.expect("it was revoked")).await;
    let again = h.open().await.revoke_token(token.id).await;
    assert_eq!(again.expect("it is known"), revoked);
    assert_eq!(listed(&store).await, [revoked]);
}

pub async fn twins_that_revoke_a_token_are_told_the_same(h: &dyn StoreHarness) {
    let handles = [h.open().await, h.open().await];
    for round in 0..10 {
        let token = made(&handles[0], &named(&format!("ci-{round}"))).await;
        let revokers = handles.iter().chain(&handles).cloned();
        let answers = all_at_once(revokers, |store| async move {
            store.revoke_token(token.id).await.expect("it is known")
        })
        .await;
        let kept = stored(&handles[1], answers[0].id).await.token;
        assert!(
            answers.iter().all(|answer| *answer == kept),
            "{answers:?}, kept {kept:?}"
        );
    }
}

pub async fn a_name_is_free_again_once_its_token_was_revoked(h: &dyn StoreHarness) {
    let store = h.open().await;
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let token = made(&store, &named("ci")).await;
        tokens.push(store.revoke_token(token.id).await.expect("it is known"));
    }
    tokens.push(made(&h.open().await, &named("ci")).await);
    let again = store.create_token(&named("ci")).await;
    assert!(
        matches!(again, Err(StoreError::TokenExists(_))),
        "{again:?}"
    );
    tokens.reverse();
    assert_eq!(listed(&store).await, tokens);
    assert!(tokens[0].is_good);
}

pub async fn revoking_an_unknown_token_is_an_error(h: &dyn StoreHarness) {
    let store = h.open().await;
    let token = made(&store, &named("ci")).await;
    let unknown = ApiTokenId(token.id.0 + 1);
    match store.revoke_token(unknown).await {
        Err(StoreError::UnknownToken(id)) => assert_eq!(id, unknown),
        other => panic!("expected an unknown token, got {other:?}"),
    }
    assert_eq!(listed(&store).await, [token], "no other was revoked");
}
