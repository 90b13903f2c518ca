//! What the reader came by last, kept in memory for its listeners.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_client::api::Problem;
use longshore_core::store::{Change, ChangeCursor, ChangePage, StoreError};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Answer, Ask, Asked};

/// Changes that are kept in memory for listeners that are a little behind: about a MiB.
const KEPT: usize = 20_000;

/// What the reader and its listeners share.
pub(super) struct Shared {
    kept: Mutex<Kept>,
    news: watch::Sender<()>,
    asks: mpsc::UnboundedSender<Ask>,
}

#[derive(Default)]
struct Kept {
    /// The cursor before the first page that is kept; none before the reader has begun.
    from: Option<ChangeCursor>,
    /// The number of that page.
    first: u64,
    pages: VecDeque<Arc<ChangePage>>,
    changes: usize,
    /// Why the reader reads no more.
    problem: Option<Box<Problem>>,
}

impl Shared {
    pub fn new(asks: mpsc::UnboundedSender<Ask>) -> Self {
        Self {
            kept: Mutex::default(),
            news: watch::Sender::new(()),
            asks,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the reader. One that is gone answers nobody.
    pub fn ask(&self, cursor: Option<ChangeCursor>) -> oneshot::Receiver<Answer> {
        let (answer, waits) = oneshot::channel();
        let _gone = self.asks.send(Ask { cursor, answer });
        waits
    }

    /// Whether it is read no more.
    pub fn has_failed(&self) -> bool {
        self.kept().problem.is_some()
    }

    /// Waits for the page of this number; none when it is kept no more.
    pub async fn page(&self, number: u64) -> Result<Option<Arc<ChangePage>>, Box<Problem>> {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            {
                let kept = self.kept();
                let Some(place) = number.checked_sub(kept.first) else {
                    return Ok(None);
                };
                let place = usize::try_from(place).unwrap_or(usize::MAX);
                if let Some(page) = kept.pages.get(place) {
                    return Ok(Some(Arc::clone(page)));
                }
                if let Some(problem) = &kept.problem {
                    return Err(problem.clone());
                }
            }
            // The sender is in `self`.
            let _gone = news.changed().await;
        }
    }

    /// Why it is read no more.
    pub fn problem(&self) -> Box<Problem> {
        let problem = self.kept().problem.clone();
        problem.unwrap_or_else(gone)
    }

    /// It is read no more, for whatever reason was told.
    pub fn end_reading(&self) {
        self.kept().problem.get_or_insert_with(gone);
        self.news.send_replace(());
    }

    /// The reader begins here.
    pub fn begin(&self, at: ChangeCursor) {
        self.kept().from = Some(at);
    }

    /// The number of the reader's next page.
    pub fn end(&self) -> u64 {
        self.kept().end()
    }

    /// One more page of the reader's.
    pub fn keep(&self, page: ChangePage) {
        let mut kept = self.kept();
        kept.changes += page.changes.len();
        kept.pages.push_back(Arc::new(page));
        while kept.changes > KEPT && kept.pages.len() > 1 {
            if let Some(oldest) = kept.pages.pop_front() {
                kept.changes -= oldest.changes.len();
                kept.first += 1;
                kept.from = Some(oldest.next.clone());
            }
        }
        drop(kept);
        self.news.send_replace(());
    }

    /// It is read no more.
    pub fn fail(&self, error: &StoreError) {
        self.kept().problem = Some(Box::new(Problem::of(error)));
        self.news.send_replace(());
    }
}

/// The reader ended without a word: a defect of ours.
fn gone() -> Box<Problem> {
    let error = StoreError::unexpected("read the feed of changes", "its reader is gone");
    Box::new(Problem::of(&error))
}

impl Kept {
    /// The number of the page that comes next.
    fn end(&self) -> u64 {
        self.first + self.pages.len() as u64
    }

    /// The cursor behind the last page.
    fn newest(&self) -> Option<&ChangeCursor> {
        let last = self.pages.back().map(|page| &page.next);
        last.or(self.from.as_ref())
    }

    /// The number of the page that follows this cursor, if the reader came by it.
    fn place_of(&self, cursor: &ChangeCursor) -> Option<u64> {
        if self.newest() == Some(cursor) {
            return Some(self.end());
        }
        if self.from.as_ref() == Some(cursor) {
            return Some(self.first);
        }
        let place = self.pages.iter().position(|page| page.next == *cursor)?;
        Some(self.first + place as u64 + 1)
    }

    /// What the pages from this number on hold; none where one of them is cut.
    fn since(&self, number: u64) -> Option<Vec<Change>> {
        let skipped = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let mut changes = Vec::new();
        for page in self.pages.iter().skip(skipped) {
            if page.is_cut {
                return None;
            }
            changes.extend_from_slice(&page.changes);
        }
        Some(changes)
    }
}

impl Shared {
    /// Answers who stands at a place that the reader came by, or begins now; gives back who does not.
    pub fn place(&self, Ask { cursor, answer }: Ask) -> Option<(ChangeCursor, Asked)> {
        let kept = self.kept();
        let (next, number) = match cursor {
            Some(cursor) => match kept.place_of(&cursor) {
                Some(number) => (cursor, number),
                None => return Some((cursor, answer)),
            },
            None => (kept.newest()?.clone(), kept.end()),
        };
        let page = None;
        // Who has left is told nothing, here and below.
        let _left = answer.send(Answer::Beside { page, next, number });
        None
    }

    /// Answers who was read a page of all that there was, while the reader came from `begin` to all that
    /// there is.
    pub fn join(&self, page: ChangePage, asked: Vec<Asked>, begin: u64) {
        let (missed, next, number) = {
            let kept = self.kept();
            (kept.since(begin), kept.newest().cloned(), kept.end())
        };
        let (Some(missed), Some(next)) = (missed, next) else {
            return answer_apart(page, asked);
        };
        let own: HashSet<i64> = page.changes.iter().map(|change| change.number).collect();
        let mut changes = page.changes;
        let missed = missed.into_iter();
        changes.extend(missed.filter(|change| !own.contains(&change.number)));
        let page = (!changes.is_empty()).then(|| {
            Arc::new(ChangePage {
                changes,
                next: next.clone(),
                is_cut: false,
                is_all: true,
            })
        });
        for answer in asked {
            let (page, next) = (page.clone(), next.clone());
            let _left = answer.send(Answer::Beside { page, next, number });
        }
    }
}

/// Gives those who asked a page, behind which they still stand apart.
pub(super) fn answer_apart(page: ChangePage, asked: Vec<Asked>) {
    let page = Arc::new(page);
    for answer in asked {
        let _left = answer.send(Answer::Apart(Arc::clone(&page)));
    }
}
