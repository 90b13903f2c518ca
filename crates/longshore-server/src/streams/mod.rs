//! Server-sent events: what follows the place where a listener is, each thing once.

pub(crate) mod changes;
pub(crate) mod feed;
pub(crate) mod listening;
pub(crate) mod output;
pub(crate) mod place;
pub(crate) mod ticks;

use std::sync::Arc;

use longshore_core::store::Store;
use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use changes::ChangeFeed;
use feed::Feeds;
use ticks::Ticks;

use crate::metrics::names::HTTP_EVENT_STREAMS;

/// The most streams at once: each is a connection that stays.
const MOST: usize = 2000;

/// What all streams of a server share.
pub(crate) struct Streams {
    pub outputs: Feeds,
    pub changes: ChangeFeed,
    room: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
}

/// Room for one stream, given back when it is dropped.
pub(crate) struct Room {
    _permit: OwnedSemaphorePermit,
}

impl Drop for Room {
    fn drop(&mut self) {
        gauge!(HTTP_EVENT_STREAMS.name).decrement(1.0);
    }
}

impl Streams {
    pub fn new(store: &Arc<dyn Store>) -> Self {
        let ticks = Arc::new(Ticks::new(Arc::clone(store)));
        Self {
            outputs: Feeds::new(Arc::clone(store), Arc::clone(&ticks)),
            changes: ChangeFeed::new(Arc::clone(store), ticks),
            room: Arc::new(Semaphore::new(MOST)),
            stopping: watch::Sender::new(false),
        }
    }

    /// Room for one more, for as long as it is kept; none when there are too many.
    pub fn enter(&self) -> Option<Room> {
        let permit = Arc::clone(&self.room).try_acquire_owned().ok()?;
        gauge!(HTTP_EVENT_STREAMS.name).increment(1.0);
        Some(Room { _permit: permit })
    }

    /// Ends every stream, at a place from which its listener can go on elsewhere.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Resolves once the streams are to end.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        let _gone = stopping.wait_for(|stopping| *stopping).await;
    }
}
