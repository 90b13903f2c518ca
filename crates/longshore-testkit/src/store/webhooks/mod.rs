//! Who is told of changes, and what becomes of each delivery.

mod making;
mod noting;
mod trying;

pub use making::*;
pub use noting::*;
pub use trying::*;

use std::sync::Arc;

use longshore_core::store::{Delivery, DueDelivery, Store, Tried};
use longshore_core::webhook::{NewDelivery, NewWebhook, SigningKey, Wanted, Webhook, WebhookId};
use longshore_core::{JobId, State};

/// A webhook of this name that wants to hear of ends.
fn named(name: &str) -> NewWebhook {
    NewWebhook {
        name: name.to_owned(),
        url: format!("https://{name}.example/hook"),
        wanted: Wanted::default(),
        key: SigningKey(format!("the key of {name}, which nobody guesses")),
    }
}

async fn made(store: &Arc<dyn Store>, new: &NewWebhook) -> Webhook {
    let made = store.create_webhook(new).await;
    made.expect("a name that no webhook has")
}

/// A webhook of this name with so many deliveries, of the jobs from 1 on.
async fn with_deliveries(store: &Arc<dyn Store>, name: &str, count: i64) -> Webhook {
    let webhook = made(store, &named(name)).await;
    note(store, webhook.id, 1..=count).await;
    webhook
}

/// Makes deliveries of these jobs, which need not be there.
async fn note(store: &Arc<dyn Store>, webhook: WebhookId, jobs: impl IntoIterator<Item = i64>) {
    let at = store.now().await.expect("now");
    let deliveries: Vec<NewDelivery> = jobs
        .into_iter()
        .map(|job| NewDelivery {
            webhook,
            job: JobId(job),
            state: State::Completed,
            at,
        })
        .collect();
    let cursor = store.webhook_cursor().await.expect("a look");
    let to = store.newest_change().await.expect("a cursor");
    let noted = store
        .note_deliveries(cursor.as_ref(), &to, &deliveries)
        .await;
    assert!(
        noted.expect("they are noted"),
        "nobody else moves the cursor"
    );
}

/// All deliveries, newest first.
async fn listed(store: &Arc<dyn Store>) -> Vec<Delivery> {
    let listed = store.deliveries(None, None, None, Delivery::MAX_PAGE).await;
    listed.expect("deliveries")
}

/// What came of a try that was in vain for good.
fn in_vain(due: &DueDelivery) -> Tried {
    Tried {
        delivery: due.delivery.id,
        tries: due.delivery.tries,
        status: Some(500),
        problem: Some("the receiver answered 500".to_owned()),
        again_in: None,
    }
}

/// What came of a try that was a delivery.
fn delivered(due: &DueDelivery) -> Tried {
    Tried {
        status: Some(204),
        problem: None,
        ..in_vain(due)
    }
}
