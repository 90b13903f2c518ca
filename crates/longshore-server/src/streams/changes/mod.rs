//! The feed of changes for however many listeners: one reader, which alone asks the database.
//!
//! The reader goes through the feed and keeps the last of it in memory, for whoever follows. Where a listener
//! resumes is mostly a place that the reader itself came by, and is found among what is kept. For any other
//! cursor (of a server before this one, or long ago) the reader reads a page as well, until that listener
//! stands beside it; listeners with the same cursor are read for at once.
//!
//! **Why joining is exact.** Cursors have no order: what is visible late can be told to one listener and not
//! yet to another though both have come to the same number. So they meet at what was visible: the reader
//! reads all that there is, at *t1*, after the listener had asked; reads for the listener all that there is,
//! at *t2*; and goes on itself to all that there is, at *t3*. The listener was told what was visible at *t2*,
//! so it still is to be told what the reader's pages of *t1* to *t3* hold and its own page does not, and then
//! stands where the reader does. Each row has a number, which tells what is the same.

mod kept;
mod reader;

use std::sync::{Arc, Mutex, PoisonError, Weak};

use longshore_client::api::Problem;
use longshore_core::store::{ChangeCursor, ChangePage, Store};
use tokio::sync::{mpsc, oneshot};

use super::ticks::Ticks;
use kept::Shared;
use reader::Reader;

/// The feed of a server's database, read while somebody listens.
pub(crate) struct ChangeFeed {
    store: Arc<dyn Store>,
    ticks: Arc<Ticks>,
    shared: Mutex<Weak<Shared>>,
}

/// What a listener is told.
#[derive(Debug)]
pub(crate) enum Told {
    /// It listens from here on.
    Begin,
    /// What follows, and the cursor behind it. A page may be empty, and move the cursor alone.
    Page(Arc<ChangePage>),
    /// Nothing follows here: the feed can't be read.
    Failed(Box<Problem>),
}

/// Somebody who listens.
pub(crate) struct Listener {
    shared: Arc<Shared>,
    /// All before was told.
    cursor: Option<ChangeCursor>,
    stands: Stands,
}

enum Stands {
    /// Beside the reader: the page of this number is the next.
    Beside(u64),
    /// Elsewhere: to ask the reader.
    Apart,
    /// It asked.
    Waits(oneshot::Receiver<Answer>),
}

/// A listener asks where it is; without a cursor it begins now.
struct Ask {
    cursor: Option<ChangeCursor>,
    answer: Asked,
}

type Asked = oneshot::Sender<Answer>;

enum Answer {
    /// It is to be told this, and still stands apart.
    Apart(Arc<ChangePage>),
    /// It is to be told this, and then stands beside the reader.
    Beside {
        page: Option<Arc<ChangePage>>,
        next: ChangeCursor,
        number: u64,
    },
}

impl ChangeFeed {
    pub fn new(store: Arc<dyn Store>, ticks: Arc<Ticks>) -> Self {
        Self {
            store,
            ticks,
            shared: Mutex::default(),
        }
    }

    /// Listens to what comes after a cursor; without one, to what comes from now on.
    pub fn listen(&self, cursor: Option<ChangeCursor>) -> Listener {
        Listener {
            shared: self.shared(),
            cursor,
            stands: Stands::Apart,
        }
    }

    fn shared(&self) -> Arc<Shared> {
        let mut known = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.upgrade()
            && !shared.has_failed()
        {
            return shared;
        }
        let (asks, asked) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(asks));
        *known = Arc::downgrade(&shared);
        let reader = Reader::new(Arc::clone(&self.store), Arc::downgrade(&shared), asked);
        tokio::spawn(reader.run(self.ticks.listen()));
        shared
    }
}

impl Listener {
    /// The cursor behind what was told.
    pub fn cursor(&self) -> Option<&ChangeCursor> {
        self.cursor.as_ref()
    }

    /// Waits for what follows. Cancellation-safe.
    pub async fn next(&mut self) -> Told {
        loop {
            match &mut self.stands {
                Stands::Beside(number) => match self.shared.page(*number).await {
                    Ok(Some(page)) => {
                        *number += 1;
                        self.cursor = Some(page.next.clone());
                        return Told::Page(page);
                    }
                    Ok(None) => self.stands = Stands::Apart,
                    Err(problem) => return Told::Failed(problem),
                },
                Stands::Apart => {
                    self.stands = Stands::Waits(self.shared.ask(self.cursor.clone()));
                }
                Stands::Waits(waits) => match waits.await {
                    Err(_gone) => return Told::Failed(self.shared.problem()),
                    Ok(answer) => {
                        if let Some(told) = self.stand(answer) {
                            return told;
                        }
                    }
                },
            }
        }
    }

    fn stand(&mut self, answer: Answer) -> Option<Told> {
        match answer {
            Answer::Apart(page) => {
                self.stands = Stands::Apart;
                self.cursor = Some(page.next.clone());
                Some(Told::Page(page))
            }
            Answer::Beside { page, next, number } => {
                self.stands = Stands::Beside(number);
                let is_first = self.cursor.replace(next).is_none();
                match page {
                    Some(page) => Some(Told::Page(page)),
                    None => is_first.then_some(Told::Begin),
                }
            }
        }
    }
}
