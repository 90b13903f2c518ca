//! One caller who listens to a job's output.

use std::collections::VecDeque;
use std::sync::Arc;

use longshore_core::JobId;
use longshore_core::store::StoreError;

use super::Room;
use super::feed::{Feed, Said};
use super::output::{self, Event};
use super::place::Place;
use crate::app::App;

/// Tells what follows a place, until the job has ended or the server stops.
pub(crate) struct Listener {
    app: Arc<App>,
    job: JobId,
    place: Option<Place>,
    pending: VecDeque<Event>,
    /// Who tells what follows, once the listener has caught up.
    feed: Option<Arc<Feed>>,
    is_over: bool,
    _room: Room,
}

/// What a listener hears.
pub(crate) enum Heard {
    Event(Event),
    /// Nothing follows; whoever asks again goes on where it was.
    Failed(StoreError),
}

impl Listener {
    pub fn new(app: Arc<App>, job: JobId, place: Option<Place>, room: Room) -> Self {
        Self {
            app,
            job,
            place,
            pending: VecDeque::new(),
            feed: None,
            is_over: false,
            _room: room,
        }
    }

    /// What follows; none at the end.
    pub async fn next(&mut self) -> Option<Heard> {
        while !self.is_over {
            if let Some(event) = self.pending.pop_front() {
                self.place = Some(event.place);
                self.is_over = event.place.is_over;
                return Some(Heard::Event(event));
            }
            if let Err(error) = self.look().await {
                self.is_over = true;
                return Some(Heard::Failed(error));
            }
        }
        None
    }

    /// Finds what follows, or waits for it.
    async fn look(&mut self) -> Result<(), StoreError> {
        let app = Arc::clone(&self.app);
        let Some(feed) = &self.feed else {
            let events = output::after(&*app.store, self.job, self.place).await?;
            if events.is_empty() {
                self.feed = Some(app.streams.outputs.of(self.job, self.place));
            }
            self.pending.extend(events);
            return Ok(());
        };
        tokio::select! {
            said = feed.after(self.place) => match said {
                Said::Events(events) => self.pending.extend(events),
                Said::ReadYourself => self.feed = None,
            },
            () = app.streams.stopped() => self.is_over = true,
        }
        Ok(())
    }
}
