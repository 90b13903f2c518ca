//! Telling webhooks of changes: reading the feed for them, and sending what is due.
//!
//! Every server does both. The store sees to it that each change becomes one delivery for each webhook, and
//! that two servers do not send the same try; nothing is kept here. Jobs do not wait for any of it: the
//! feed is behind them, and of the receivers a slow one takes up a few of the places alone.

mod guarded;
mod sender;
mod sending;
mod signing;

use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{Noted, Store, note_changes};
use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) use sender::Sender;

/// How often is looked for what is due: repetitions come due without a hint.
const LOOK: Duration = Duration::from_secs(1);
/// How often is looked whether there is a webhook.
const REST: Duration = Duration::from_secs(5);

/// Reads and sends until told to stop; then what is on its way has the grace time to come to its end.
pub(crate) async fn run(
    store: &Arc<dyn Store>,
    sender: &Arc<Sender>,
    stop: watch::Receiver<bool>,
    grace: Duration,
) {
    let (are_any, webhooks) = watch::channel(false);
    let stopped = async |mut stop: watch::Receiver<bool>| {
        // An error says that nobody is left who could say so.
        _ = stop.wait_for(|stop| *stop).await;
    };
    let noting = async {
        tokio::select! {
            () = keep_noting(store, &are_any) => {}
            () = stopped(stop.clone()) => {}
        }
    };
    let sending = async {
        let sending = sending::keep(store, sender, webhooks, stop.clone());
        let too_late = async {
            stopped(stop.clone()).await;
            sleep(grace).await;
        };
        tokio::select! {
            () = sending => {}
            // Whoever takes it next sends it again.
            () = too_late => {}
        }
    };
    tokio::join!(noting, sending);
}

async fn keep_noting(store: &Arc<dyn Store>, are_any: &watch::Sender<bool>) {
    let mut wakeups = store.wakeups();
    loop {
        match note_changes(&**store).await {
            // There may be more at once.
            Ok(Noted::Some) => {}
            Ok(Noted::Missed) => tracing::warn!(
                "no server has run for so long that changes are gone: webhooks were not told of them"
            ),
            Ok(Noted::All { for_webhooks: true }) => {
                are_any.send_if_modified(|are_any| !std::mem::replace(are_any, true));
                wakeups.wait(LOOK).await;
            }
            Ok(Noted::All {
                for_webhooks: false,
            }) => {
                are_any.send_if_modified(|are_any| std::mem::replace(are_any, false));
                sleep(REST).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the feed could not be read for webhooks");
                sleep(REST).await;
            }
        }
    }
}
