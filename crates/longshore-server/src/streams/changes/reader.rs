//! The one task that asks the database.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use longshore_core::store::{ChangeCursor, ChangePage, Store, StoreError, StoreResult};
use tokio::sync::mpsc;

use super::kept::{Shared, answer_apart};
use super::{Ask, Asked};
use crate::streams::ticks::Listener;

/// Rows of one page: each may hold many changes, and a page is one event.
const ROWS: u32 = 250;

/// Ends with its last listener.
pub(super) struct Reader {
    store: Arc<dyn Store>,
    shared: Weak<Shared>,
    asked: mpsc::UnboundedReceiver<Ask>,
    /// Who asked, and was not answered yet.
    waiting: Vec<Ask>,
}

/// However it ends, nobody waits for it any more.
impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.end_reading();
        }
    }
}

/// A page of all that there was behind somebody's cursor, and those who wait for it.
type Joining = (ChangePage, Vec<Asked>);

impl Reader {
    pub fn new(
        store: Arc<dyn Store>,
        shared: Weak<Shared>,
        asked: mpsc::UnboundedReceiver<Ask>,
    ) -> Self {
        Self {
            store,
            shared,
            asked,
            waiting: Vec::new(),
        }
    }

    pub async fn run(mut self, mut ticks: Listener) {
        let mut at = match self.store.newest_change().await {
            Ok(newest) => newest,
            Err(error) => return self.fail(&error),
        };
        if let Some(shared) = self.shared.upgrade() {
            shared.begin(at.clone());
        }
        loop {
            let Some(shared) = self.shared.upgrade() else {
                return;
            };
            if let Err(error) = self.pass(&shared, &mut at).await {
                return self.fail(&error);
            }
            drop(shared);
            tokio::select! {
                () = ticks.next() => {}
                // None comes when nobody listens any more.
                ask = self.asked.recv() => self.waiting.extend(ask),
            }
        }
    }

    fn fail(&self, error: &StoreError) {
        if let Some(shared) = self.shared.upgrade() {
            shared.fail(error);
        }
    }

    /// Reads what there is, and answers who asked.
    async fn pass(&mut self, shared: &Shared, at: &mut ChangeCursor) -> StoreResult<()> {
        while let Ok(ask) = self.asked.try_recv() {
            self.waiting.push(ask);
        }
        // Who asks from here on is answered by the next pass.
        let asks = std::mem::take(&mut self.waiting);
        if !self.read_all(shared, at).await? {
            // What is new waits in the store: nobody knows who stands where.
            self.waiting = asks;
            return Ok(());
        }
        let mut apart: HashMap<ChangeCursor, Vec<Asked>> = HashMap::new();
        for (cursor, answer) in asks.into_iter().filter_map(|ask| shared.place(ask)) {
            apart.entry(cursor).or_default().push(answer);
        }
        if apart.is_empty() {
            return Ok(());
        }
        let begin = shared.end();
        let mut joining: Vec<Joining> = Vec::new();
        for (cursor, asked) in apart {
            let page = self.store.changes(&cursor, ROWS).await?;
            if page.is_all {
                joining.push((page, asked));
            } else if page.next == cursor {
                self.wait(&cursor, asked);
            } else {
                answer_apart(page, asked);
            }
        }
        let is_all = self.read_all(shared, at).await?;
        for (page, asked) in joining {
            if is_all {
                shared.join(page, asked, begin);
            } else {
                answer_apart(page, asked);
            }
        }
        Ok(())
    }

    /// They ask again with the next pass.
    fn wait(&mut self, cursor: &ChangeCursor, asked: Vec<Asked>) {
        let cursor = Some(cursor);
        self.waiting.extend(asked.into_iter().map(|answer| Ask {
            cursor: cursor.cloned(),
            answer,
        }));
    }

    /// Reads until all that can be seen is told; whether it is.
    async fn read_all(&self, shared: &Shared, at: &mut ChangeCursor) -> StoreResult<bool> {
        loop {
            let page = self.store.changes(at, ROWS).await?;
            let (is_all, is_stuck) = (page.is_all, page.next == *at);
            *at = page.next.clone();
            if page.is_cut || !page.changes.is_empty() {
                shared.keep(page);
            }
            if is_all || is_stuck {
                return Ok(is_all);
            }
        }
    }
}
