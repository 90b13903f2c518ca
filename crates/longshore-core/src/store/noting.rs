//! From the feed of changes to deliveries of webhooks.

use std::collections::BTreeMap;

use super::{Change, Store, StoreResult};
use crate::ids::QueueId;
use crate::webhook::{NewDelivery, Webhook};

/// Rows of the feed that are read at once.
const PAGE: u32 = 50;

/// What a look at the feed came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    /// There may be more to read.
    Some,
    /// There is nothing more for now. While there is no webhook at all, nothing is read.
    All {
        /// Whether there is a webhook.
        for_webhooks: bool,
    },
    /// Changes were gone before they were read: nobody had looked for so long. Webhooks miss them.
    Missed,
}

/// Reads a page of the feed from where it was left, and notes what of it webhooks want to hear of.
///
/// Any number of processes may do so at once: of those that read the same, one notes it.
pub async fn note_changes(store: &dyn Store) -> StoreResult<Noted> {
    if store.webhooks().await?.is_empty() {
        return Ok(Noted::All {
            for_webhooks: false,
        });
    }
    let Some(cursor) = store.webhook_cursor().await? else {
        let newest = store.newest_change().await?;
        store.note_deliveries(None, &newest, &[]).await?;
        return Ok(Noted::Some);
    };
    let page = store.changes(&cursor, PAGE).await?;
    if page.next == cursor {
        return Ok(Noted::All { for_webhooks: true });
    }
    // After the feed: one that was made meanwhile is told of what is in this page, if it came after it.
    let webhooks = store.webhooks().await?;
    let mut names = BTreeMap::new();
    if !page.changes.is_empty() {
        let queues = store.queues().await?;
        names.extend(queues.into_iter().map(|queue| (queue.id, queue.name)));
    }
    let wanted = page.changes.iter();
    let wanted: Vec<_> = wanted
        .flat_map(|change| wanted_of(change, &names, &webhooks))
        .collect();
    let is_noted = store
        .note_deliveries(Some(&cursor), &page.next, &wanted)
        .await?;
    Ok(match (is_noted, page.is_cut, page.is_all) {
        (true, true, _) => Noted::Missed,
        (true, false, true) => Noted::All { for_webhooks: true },
        // Another has noted the same.
        (false, ..) | (true, false, false) => Noted::Some,
    })
}

/// The same until there is nothing more for now.
pub async fn note_all_changes(store: &dyn Store) -> StoreResult<()> {
    while !matches!(note_changes(store).await?, Noted::All { .. }) {}
    Ok(())
}

/// Sees to it that the feed is read from now on, for a store that is about to make a webhook: it misses nothing
/// that comes after it, though nobody reads for it yet.
///
/// Of many that make the first webhook at once one moves the cursor, and before any of them is there.
pub async fn begin_noting(store: &dyn Store) -> StoreResult<()> {
    let cursor = store.webhook_cursor().await?;
    // Before the look whether there is one: what comes after one that is made now is not passed over.
    let newest = store.newest_change().await?;
    // While there was none, nobody read: what lies between is nobody's, and may be gone.
    if cursor.is_none() || store.webhooks().await?.is_empty() {
        store.note_deliveries(cursor.as_ref(), &newest, &[]).await?;
    }
    Ok(())
}

fn wanted_of<'a>(
    change: &'a Change,
    names: &'a BTreeMap<QueueId, String>,
    webhooks: &'a [Webhook],
) -> impl Iterator<Item = NewDelivery> + 'a {
    let queue = names.get(&change.queue).map_or("", String::as_str);
    webhooks
        .iter()
        // A webhook is told of what came after it was made, to the millisecond, as changes are noted.
        .filter(move |webhook| webhook.created_at.as_millisecond() <= change.at.as_millisecond())
        .filter(move |webhook| webhook.enabled && webhook.wanted.has(change.state, queue))
        .map(move |webhook| NewDelivery {
            webhook: webhook.id,
            job: change.job,
            state: change.state,
            at: change.at,
        })
}
