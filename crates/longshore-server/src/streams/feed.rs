//! One reader for however many listeners to the same job.
//!
//! Each listener reads for itself until it has caught up with what is stored. From then on it is told by the
//! job's feed: one task that looks for what follows, when a hint comes or a moment has passed, and keeps the
//! last of it in memory. A listener that falls behind what is kept reads for itself again. Places are ordered,
//! so that it does not matter who read what: everybody is told what follows the own place, once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use longshore_core::JobId;
use longshore_core::store::Store;
use tokio::sync::watch;

use super::output::{Event, Told, after};
use super::place::Place;
use super::ticks::Ticks;

/// What a feed keeps in memory, in bytes of output, for listeners that are a little behind.
const KEPT_BYTES: usize = 1024 * 1024;

/// The feeds of all jobs that somebody listens to.
pub(crate) struct Feeds {
    store: Arc<dyn Store>,
    ticks: Arc<Ticks>,
    by_job: Mutex<HashMap<JobId, Weak<Feed>>>,
}

/// What is told of one job.
pub(crate) struct Feed {
    kept: Mutex<Kept>,
    news: watch::Sender<u64>,
}

struct Kept {
    /// Whoever is behind this place reads for itself.
    from: Option<Place>,
    events: VecDeque<Event>,
    bytes: usize,
    /// Why the feed told no more: its own reading failed.
    has_failed: bool,
}

/// What a feed says to a listener.
pub(crate) enum Said {
    /// This follows.
    Events(Vec<Event>),
    /// It can't say: the listener is to read for itself.
    ReadYourself,
}

impl Feeds {
    pub fn new(store: Arc<dyn Store>, ticks: Arc<Ticks>) -> Self {
        Self {
            store,
            ticks,
            by_job: Mutex::default(),
        }
    }

    /// The job's feed, which tells what follows this place or a later one.
    pub fn of(&self, job: JobId, from: Option<Place>) -> Arc<Feed> {
        let mut feeds = self.by_job.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&job).and_then(Weak::upgrade)
            && !feed.kept().has_failed
        {
            return feed;
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let feed = Arc::new(Feed {
            kept: Mutex::new(Kept {
                from,
                events: VecDeque::new(),
                bytes: 0,
                has_failed: false,
            }),
            news: watch::Sender::new(0),
        });
        feeds.insert(job, Arc::downgrade(&feed));
        let reader = Reader {
            store: Arc::clone(&self.store),
            ticks: Arc::clone(&self.ticks),
            job,
            place: from,
            feed: Arc::downgrade(&feed),
        };
        tokio::spawn(reader.run());
        feed
    }
}

impl Feed {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what follows this place. Cancellation-safe.
    pub async fn after(&self, place: Option<Place>) -> Said {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            {
                let kept = self.kept();
                if kept.has_failed || place < kept.from {
                    return Said::ReadYourself;
                }
                let follow = kept.events.iter().filter(|event| Some(event.place) > place);
                let follow: Vec<Event> = follow.cloned().collect();
                if !follow.is_empty() {
                    return Said::Events(follow);
                }
            }
            if news.changed().await.is_err() {
                return Said::ReadYourself;
            }
        }
    }

    fn tell(&self, events: Vec<Event>) {
        let mut kept = self.kept();
        for event in events {
            kept.bytes += weight(&event);
            kept.events.push_back(event);
        }
        while kept.bytes > KEPT_BYTES && kept.events.len() > 1 {
            if let Some(oldest) = kept.events.pop_front() {
                kept.bytes -= weight(&oldest);
                kept.from = Some(oldest.place);
            }
        }
        drop(kept);
        self.news.send_modify(|news| *news += 1);
    }

    fn fail(&self) {
        self.kept().has_failed = true;
        self.news.send_modify(|news| *news += 1);
    }
}

fn weight(event: &Event) -> usize {
    match &event.told {
        Told::Output(chunk) => chunk.bytes.len() + size_of::<Event>(),
        Told::Gap { .. } | Told::Attempt | Told::End(_) => size_of::<Event>(),
    }
}

/// The task behind a feed. Ends with the job, or with the last listener.
struct Reader {
    store: Arc<dyn Store>,
    ticks: Arc<Ticks>,
    job: JobId,
    place: Option<Place>,
    feed: Weak<Feed>,
}

impl Reader {
    async fn run(mut self) {
        let mut ticks = self.ticks.listen();
        loop {
            let read = after(&*self.store, self.job, self.place).await;
            let Some(feed) = self.feed.upgrade() else {
                return;
            };
            let Ok(events) = read else {
                // Each listener asks for itself then, and is told what is wrong.
                feed.fail();
                return;
            };
            let Some(last) = events.last() else {
                drop(feed);
                ticks.next().await;
                continue;
            };
            self.place = Some(last.place);
            let is_end = matches!(last.told, Told::End(_));
            feed.tell(events);
            if is_end {
                return;
            }
        }
    }
}
