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
    until_it_is_at_home(store).await;
    let mut wakeups = store.wakeups();
    let mut is_well = true;
    let there_are = |now: bool| {
        are_any.send_if_modified(|are_any| std::mem::replace(are_any, now) != now);
    };
    loop {
        let noted = note_changes(&**store).await;
        let was_well = std::mem::replace(&mut is_well, noted.is_ok());
        match noted {
            // There may be more at once.
            Ok(Noted::Some) => there_are(true),
            Ok(Noted::Missed) => {
                there_are(true);
                tracing::warn!(
                    "no server has run for so long that changes are gone: webhooks were not told of them"
                );
            }
            Ok(Noted::All { for_webhooks: true }) => {
                there_are(true);
                wakeups.wait(LOOK).await;
            }
            Ok(Noted::All {
                for_webhooks: false,
            }) => {
                there_are(false);
                sleep(REST).await;
            }
            Err(error) => {
                if was_well {
                    tracing::warn!(%error, "the feed can't be read for webhooks at the moment");
                }
                sleep(REST).await;
            }
        }
    }
}

/// A copy of a database, or one that was restored and nobody said so yet: whoever the original tells is not
/// to be told twice.
async fn until_it_is_at_home(store: &Arc<dyn Store>) {
    let mut is_said = false;
    loop {
        match store.bears_anothers_name().await {
            Ok(false) => return,
            Ok(true) if !is_said => {
                is_said = true;
                tracing::warn!(
                    "this database bears the name of another: webhooks are told nothing until \
                     `longshore migrate` was told what it is (`longshore doctor` says more)"
                );
            }
            Ok(true) => {}
            Err(error) => tracing::debug!(%error, "whose name it is could not be read"),
        }
        sleep(REST).await;
    }
}
