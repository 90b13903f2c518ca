//! When tokens were used.

use std::time::Duration;

use longshore_core::access::{ApiToken, ApiTokenId};

use super::{is_past, listed, made, named, stored};
use crate::store::StoreHarness;

const SECOND: Duration = Duration::from_secs(1);

pub async fn a_use_is_noted_at_first_and_not_again_within_a_minute(h: &dyn StoreHarness) {
    let store = h.open().await;
    let idle = made(&store, &named("idle")).await;
    let token = made(&store, &named("ci")).await;
    let before = store.now().await.expect("now");
    store.note_token_use(token.id).await.expect("noted");
    let after = store.now().await.expect("now");
    let used = stored(&store, token.id).await.token;
    let used_at = used.last_used_at.expect("it was used");
    assert!(before <= used_at && used_at <= after, "{used:?}");
    is_past(&store, used_at).await;
    let other = h.open().await;
    for store in [&store, &other] {
        store.note_token_use(token.id).await.expect("noted already");
    }
    let mut expected = token;
    expected.last_used_at = Some(used_at);
    assert_eq!(
        listed(&other).await,
        [expected, idle],
        "nothing else changed"
    );
}

pub async fn a_use_is_noted_again_after_a_minute(h: &dyn StoreHarness) {
    let store = h.open().await;
    let token = made(&store, &named("ci")).await;
    let last_used_at = async || {
        store.note_token_use(token.id).await.expect("noted");
        let used = stored(&store, token.id).await.token;
        used.last_used_at.expect("it was used")
    };
    let first = last_used_at().await;
    // The rest of the minute is half of it, which no machine takes for two lines.
    let most = ApiToken::USE_NOTED_EVERY / 2;
    h.age_token_use(token.id, most).await;
    assert_eq!(last_used_at().await, first - most, "the minute is not over");
    h.age_token_use(token.id, most + SECOND).await;
    assert!(last_used_at().await > first, "it is over");
}

pub async fn a_use_of_an_unknown_token_is_ignored(h: &dyn StoreHarness) {
    let store = h.open().await;
    let token = made(&store, &named("ci")).await;
    let unknown = ApiTokenId(token.id.0 + 1);
    store.note_token_use(unknown).await.expect("ignored");
    assert_eq!(listed(&store).await, [token]);
}
