//! The feed of changes: every move between states, once and in order, for whoever keeps a cursor.

mod arrows;
mod racing;
mod telling;

pub use arrows::*;
pub use racing::*;
pub use telling::*;

use std::sync::Arc;

use longshore_core::store::{Change, ChangeCursor, ChangePage, Store};
use longshore_core::{JobId, State};

use super::scene::Scene;

/// Reads the feed, and keeps nothing but the text of a cursor.
struct Listener {
    store: Arc<dyn Store>,
    cursor: String,
    limit: u32,
}

impl Listener {
    /// One that begins now.
    async fn begin(scene: &Scene) -> Self {
        let newest = scene.store.newest_change().await.expect("a cursor");
        Self::after(scene, &newest)
    }

    fn after(scene: &Scene, cursor: &ChangeCursor) -> Self {
        Self {
            store: Arc::clone(&scene.store),
            cursor: cursor.to_string(),
            limit: ChangePage::MAX_ROWS,
        }
    }

    fn cursor(&self) -> ChangeCursor {
        self.cursor.parse().expect("a cursor reads back")
    }

    /// The next page.
    async fn page(&mut self) -> ChangePage {
        let after = self.cursor();
        let page = self.store.changes(&after, self.limit).await;
        let page = page.expect("a page");
        let rows = self.limit.clamp(1, ChangePage::MAX_ROWS);
        let most = (rows * Change::TOGETHER) as usize;
        assert!(page.changes.len() <= most, "{}", page.changes.len());
        self.cursor = page.next.to_string();
        assert!(self.cursor.len() <= ChangeCursor::MAX_TEXT);
        page
    }

    /// All that there is.
    async fn hear(&mut self) -> Vec<Change> {
        let mut heard = Vec::new();
        loop {
            let page = self.page().await;
            assert!(!page.is_cut, "everything is kept");
            if page.changes.is_empty() {
                return heard;
            }
            heard.extend(page.changes);
            assert!(heard.len() < 100_000, "the feed ends");
        }
    }

    /// The same, as jobs and their states in the order of the feed.
    async fn told(&mut self) -> Vec<(JobId, State)> {
        let heard = self.hear().await;
        let told = heard.iter().map(|change| (change.job, change.state));
        told.collect()
    }

    /// The states of one job, which alone was moved.
    async fn states_of(&mut self, job: JobId) -> Vec<State> {
        let told = self.told().await;
        let mine = told.iter().all(|(told, _)| *told == job);
        assert!(mine, "nothing of others than job {job}: {told:?}");
        told.into_iter().map(|(_, state)| state).collect()
    }
}
