//! Which deliveries are sent when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use longshore_core::store::{DueDelivery, Store};
use longshore_core::webhook::WebhookId;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::sleep;

use super::{LOOK, REST, Sender};

/// How many are on their way at once from one server.
const AT_ONCE: usize = 64;
/// How many are taken at once, and how many of one webhook are on their way before no more of it are.
const SHARE: usize = 4;
/// Nobody else takes them for so long: all the time that sending and noting may need.
const TAKEN_FOR: Duration = Duration::from_mins(1);

/// Sends what is due while there are webhooks, until told to stop; what is on its way then is waited for.
pub(super) async fn keep(
    store: &Arc<dyn Store>,
    sender: &Arc<Sender>,
    mut are_any: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) {
    let mut flights = Flights::default();
    while !*stop.borrow() {
        if !*are_any.borrow() {
            tokio::select! {
                _there_are = are_any.changed() => {}
                _stopped = stop.changed() => {}
            }
            continue;
        }
        let free = (AT_ONCE - flights.count()).min(SHARE);
        let limit = u32::try_from(free).unwrap_or(0);
        let (taken, pause) = match store
            .take_deliveries(limit, &flights.busy(), TAKEN_FOR)
            .await
        {
            Ok(taken) => (taken, LOOK),
            Err(error) => {
                tracing::debug!(%error, "deliveries could not be taken");
                (Vec::new(), REST)
            }
        };
        let is_all = taken.is_empty();
        for due in taken {
            flights.begin(Arc::clone(store), Arc::clone(sender), due);
        }
        let is_full = flights.count() >= AT_ONCE;
        if is_all || is_full {
            tokio::select! {
                () = flights.landed(), if flights.count() > 0 => {}
                () = sleep(pause), if !is_full => {}
                _stopped = stop.changed() => {}
            }
        }
        flights.clear();
    }
    while flights.count() > 0 {
        flights.landed().await;
    }
}

/// What is on its way.
#[derive(Default)]
struct Flights {
    tasks: JoinSet<()>,
    webhooks: HashMap<Id, WebhookId>,
}

impl Flights {
    fn count(&self) -> usize {
        self.webhooks.len()
    }

    /// Webhooks of which no more are to be on their way.
    fn busy(&self) -> Vec<WebhookId> {
        let mut counts: BTreeMap<WebhookId, usize> = BTreeMap::new();
        for webhook in self.webhooks.values() {
            *counts.entry(*webhook).or_default() += 1;
        }
        let busy = counts.into_iter().filter(|(_, count)| *count >= SHARE);
        busy.map(|(webhook, _)| webhook).collect()
    }

    fn begin(&mut self, store: Arc<dyn Store>, sender: Arc<Sender>, due: DueDelivery) {
        let webhook = due.delivery.webhook;
        let task = self
            .tasks
            .spawn(async move { deliver(&*store, &sender, &due).await });
        self.webhooks.insert(task.id(), webhook);
    }

    /// Waits for one to come to its end.
    async fn landed(&mut self) {
        let landed = self.tasks.join_next_with_id().await;
        self.forget(landed);
    }

    /// The same for all that have, without waiting.
    fn clear(&mut self) {
        while let Some(landed) = self.tasks.try_join_next_with_id() {
            self.forget(Some(landed));
        }
    }

    fn forget(&mut self, landed: Option<Result<(Id, ()), JoinError>>) {
        if let Some(landed) = landed {
            let id = landed.map_or_else(|error| error.id(), |(id, ())| id);
            self.webhooks.remove(&id);
        }
    }
}

/// Sends one, and notes what came of it.
async fn deliver(store: &dyn Store, sender: &Sender, due: &DueDelivery) {
    let tried = sender.attempt(store, due).await;
    if let Err(error) = store.note_tried(&tried).await {
        // It is taken again once its time is over.
        tracing::debug!(%error, delivery = tried.delivery.0, "a try could not be noted");
    }
}
