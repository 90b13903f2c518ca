//! Tokens are made, found and listed.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::access::{ApiToken, ApiTokenId, NewApiToken, Role, SecretHash};
use longshore_core::store::{Store, StoreError};

use super::{good_for, listed, made, named, stored};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;

const HOUR: Duration = Duration::from_hours(1);

pub async fn a_token_reads_back_as_it_was_made_by_its_number_with_its_hash(h: &dyn StoreHarness) {
    let store = h.open().await;
    let before = store.now().await.expect("now");
    let mut tokens = Vec::new();
    for (role, byte) in Role::ALL.into_iter().zip(0u8..) {
        // Every byte there is, in some place of some hash.
        let hash = std::array::from_fn(|place| byte * 64 + u8::try_from(place).expect("small") * 2);
        let new = NewApiToken {
            name: format!("ci.{role}_1-a"),
            role,
            hash: SecretHash(hash),
            lifetime: (byte % 2 == 1).then_some(HOUR * u32::from(byte)),
        };
        tokens.push((made(&store, &new).await, new));
    }
    let after = store.now().await.expect("now");
    let other = h.open().await;
    for (token, new) in &tokens {
        assert_eq!((&token.name, token.role), (&new.name, new.role));
        assert!(
            before <= token.created_at && token.created_at <= after,
            "{token:?}"
        );
        let expires_at = new.lifetime.map(|lifetime| token.created_at + lifetime);
        assert_eq!(token.expires_at, expires_at, "{token:?}");
        assert_eq!((token.revoked_at, token.last_used_at), (None, None));
        assert!(token.is_good, "{token:?}");
        let found = stored(&other, token.id).await;
        assert_eq!(found.token, *token);
        assert!(found.hash == new.hash, "the hash of {}", new.name);
    }
}

pub async fn an_unknown_token_is_none(h: &dyn StoreHarness) {
    let store = h.open().await;
    let token = made(&store, &named("ci")).await;
    for id in [0, -1, token.id.0 + 1, i64::MAX] {
        assert_eq!(
            store.token(ApiTokenId(id)).await.expect("a look"),
            None,
            "{id}"
        );
    }
}

pub async fn tokens_are_listed_newest_first(h: &dyn StoreHarness) {
    let store = h.open().await;
    assert_eq!(listed(&store).await, []);
    let mut tokens = Vec::new();
    for name in ["middle", "zebra", "ant"] {
        tokens.push(made(&store, &named(name)).await);
    }
    tokens.reverse();
    assert_eq!(listed(&h.open().await).await, tokens);
}

pub async fn a_list_of_tokens_has_a_largest_size(h: &dyn StoreHarness) {
    let store = h.open().await;
    let most = ApiToken::MAX_LISTED as usize;
    let makers = (0..8).map(|_| Arc::clone(&store)).zip(0..);
    all_at_once(
        makers,
        |(store, maker): (Arc<dyn Store>, usize)| async move {
            for n in (0..most + 5).skip(maker).step_by(8) {
                made(&store, &named(&format!("ci-{n}"))).await;
            }
        },
    )
    .await;
    let listed = listed(&store).await;
    assert_eq!(listed.len(), most);
    let ids: Vec<ApiTokenId> = listed.iter().map(|token| token.id).collect();
    assert!(
        ids.is_sorted_by(|newer, older| newer > older),
        "newest first"
    );
    let newest = made(&store, &named("newest")).await;
    assert_eq!(
        super::listed(&store).await[0],
        newest,
        "the oldest are left out"
    );
}

pub async fn a_name_is_taken_while_its_token_is_good(h: &dyn StoreHarness) {
    let store = h.open().await;
    let first = made(&store, &good_for("ci", HOUR)).await;
    let again = NewApiToken {
        role: Role::Admin,
        hash: SecretHash([8; 32]),
        ..named("ci")
    };
    for store in [&store, &h.open().await] {
        match store.create_token(&again).await {
            Err(StoreError::TokenExists(name)) => assert_eq!(name, "ci"),
            other => panic!("expected that it is there, got {other:?}"),
        }
    }
    assert_eq!(listed(&store).await, [first], "nothing was made or changed");
    made(&store, &named("ci-2")).await;
}

pub async fn of_twins_that_make_a_token_of_one_name_exactly_one_succeeds(h: &dyn StoreHarness) {
    let handles = [h.open().await, h.open().await];
    for round in 0..20 {
        let name = format!("ci-{round}");
        let makers = handles.iter().chain(&handles).cloned().zip(0..);
        let answers = all_at_once(makers, |(store, maker): (Arc<dyn Store>, u8)| {
            let new = NewApiToken {
                hash: SecretHash([maker; 32]),
                ..named(&name)
            };
            async move { (store.create_token(&new).await, new.hash) }
        })
        .await;
        let (done, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(answer, _)| answer.is_ok());
        for (answer, _) in refused {
            assert!(
                matches!(answer, Err(StoreError::TokenExists(_))),
                "{answer:?}"
            );
        }
        let [(Ok(token), hash)] = &done[..] else {
            panic!("round {round}: {done:?}");
        };
        let found = stored(&handles[0], token.id).await;
        assert!(found.hash == *hash, "whose token it is");
    }
    assert_eq!(listed(&handles[1]).await.len(), 20, "one of each name");
}

pub async fn a_bad_name_or_lifetime_is_refused_by_field_and_nothing_made(h: &dyn StoreHarness) {
    let store = h.open().await;
    let too_long = NewApiToken::MAX_LIFETIME + Duration::from_secs(1);
    for (new, field) in [
        (named(""), "name"),
        (named("CI"), "name"),
        (named("c i"), "name"),
        (named("ci\0"), "name"),
        (named(&"x".repeat(64)), "name"),
        (good_for("ci", Duration::ZERO), "lifetime"),
        (good_for("ci", too_long), "lifetime"),
        (good_for("ci", Duration::MAX), "lifetime"),
    ] {
        match store.create_token(&new).await {
            Err(StoreError::Invalid(refused)) => assert_eq!(refused.field, field, "{new:?}"),
            other => panic!("expected a refusal of {field}, got {other:?}"),
        }
    }
    assert_eq!(listed(&store).await, []);
    let longest = good_for(&"x".repeat(63), NewApiToken::MAX_LIFETIME);
    assert!(made(&store, &longest).await.is_good);
}
