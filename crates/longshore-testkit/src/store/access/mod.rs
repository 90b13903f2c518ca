//! Who may speak to a server, and what was done.

mod auditing;
mod expiring;
mod revoking;
mod tokens;
mod using;

pub use auditing::*;
pub use expiring::*;
pub use revoking::*;
pub use tokens::*;
pub use using::*;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use longshore_core::access::{ApiToken, ApiTokenId, NewApiToken, Role, SecretHash, StoredApiToken};
use longshore_core::store::Store;

use crate::wait::eventually;

/// A token of this name that is good for ever.
fn named(name: &str) -> NewApiToken {
    NewApiToken {
        name: name.to_owned(),
        role: Role::Submitter,
        hash: SecretHash([7; 32]),
        lifetime: None,
    }
}

/// The same for so long.
fn good_for(name: &str, lifetime: Duration) -> NewApiToken {
    NewApiToken {
        lifetime: Some(lifetime),
        ..named(name)
    }
}

async fn made(store: &Arc<dyn Store>, new: &NewApiToken) -> ApiToken {
    let made = store.create_token(new).await;
    made.expect("a name that no good token has")
}

async fn stored(store: &Arc<dyn Store>, token: ApiTokenId) -> StoredApiToken {
    let found = store.token(token).await.expect("a look");
    found.expect("it was made")
}

async fn listed(store: &Arc<dyn Store>) -> Vec<ApiToken> {
    store.tokens().await.expect("tokens")
}

/// Returns once the database's clock is past this time: what is noted now is noted as of later.
async fn is_past(store: &Arc<dyn Store>, time: Timestamp) -> Timestamp {
    eventually("the clock goes on", async || {
        let now = store.now().await.expect("now");
        (now > time).then_some(now)
    })
    .await
}
