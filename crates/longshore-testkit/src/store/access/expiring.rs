//! Tokens whose time is over.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::access::ApiToken;
use longshore_core::store::Store;

use super::{good_for, listed, made, named, stored};
use crate::store::StoreHarness;
use crate::wait::eventually;

/// Makes a token that is good for no time to speak of, and waits until it is good no more.
async fn expired(store: &Arc<dyn Store>, name: &str, lifetime: Duration) -> ApiToken {
    let token = made(store, &good_for(name, lifetime)).await;
    eventually("the token expires", async || {
        let found = stored(store, token.id).await.token;
        (!found.is_good).then_some(found)
    })
    .await
}

pub async fn a_token_is_good_until_its_lifetime_is_over(h: &dyn StoreHarness) {
    let store = h.open().await;
    let lasting = made(&store, &good_for("lasting", Duration::from_hours(1))).await;
    for lifetime in [Duration::from_micros(1), Duration::from_millis(200)] {
        let begun = store.now().await.expect("now");
        let token = expired(&store, "ci", lifetime).await;
        let seen = store.now().await.expect("now");
        let expires_at = token.expires_at.expect("it has a lifetime");
        assert_eq!(expires_at, token.created_at + lifetime);
        assert!(
            begun + lifetime <= seen && expires_at <= seen,
            "{token:?} by {seen}"
        );
        assert_eq!((token.revoked_at, token.last_used_at), (None, None));
    }
    let good = listed(&h.open().await).await;
    let good: Vec<ApiToken> = good.into_iter().filter(|token| token.is_good).collect();
    assert_eq!(good, [lasting], "the list says the same");
}

pub async fn a_name_is_free_again_once_its_token_has_expired(h: &dyn StoreHarness) {
    let store = h.open().await;
    let mut past = Vec::new();
    for _ in 0..3 {
        past.push(expired(&store, "ci", Duration::from_millis(1)).await);
    }
    let good = made(&h.open().await, &named("ci")).await;
    past.push(good);
    past.reverse();
    assert_eq!(listed(&store).await, past, "all of them stay");
    assert!(past[0].is_good);
}
