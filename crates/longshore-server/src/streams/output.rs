//! A job's output as events, read from the store: what follows a place.

use std::sync::Arc;

use longshore_core::output::Stream;
use longshore_core::store::{OutputPage, OutputRequest, Store, StoreResult, StoredOutput};
use longshore_core::{AttemptNumber, JobId, State};

use super::place::Place;

/// How much is read at once.
const PAGE_BYTES: u32 = 256 * 1024;
const FIRST: AttemptNumber = AttemptNumber(1);

/// Something that a listener is told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// What an attempt wrote.
    Output(Arc<StoredOutput>),
    /// The cap left this much out here.
    Gap {
        stream: Stream,
        position: u64,
        bytes: u64,
    },
    /// Another attempt begins.
    Attempt,
    /// The job has ended so; nothing follows.
    End(State),
}

/// What is told, and the place behind it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub place: Place,
    pub told: Told,
}

/// What follows a place; empty while nothing does.
pub(crate) async fn after(
    store: &dyn Store,
    job: JobId,
    place: Option<Place>,
) -> StoreResult<Vec<Event>> {
    let request = |attempt, after| OutputRequest {
        job,
        attempt,
        after,
        max_bytes: PAGE_BYTES,
    };
    let mut events = Vec::new();
    let mut place = match place {
        Some(place) => place,
        None => match begin(store, request(None, None), &mut events).await? {
            Some(place) => place,
            None => return Ok(events),
        },
    };
    let asked = request(Some(place.attempt), place.after);
    let page = store.read_output(asked).await?;
    tell(&page, &mut place, &mut events);
    if !page.is_end {
        return Ok(events);
    }
    let newest = store.read_output(OutputRequest {
        max_bytes: 1,
        ..request(None, None)
    });
    let newest = newest.await?;
    // Attempts are taken one by one: the newest may not be the next.
    if newest.attempt.is_some_and(|newest| newest > place.attempt) {
        place = Place::beginning(AttemptNumber(place.attempt.0 + 1));
        let told = Told::Attempt;
        events.push(Event { place, told });
    } else if newest.state.is_terminal() {
        place.is_over = true;
        let told = Told::End(newest.state);
        events.push(Event { place, told });
    }
    Ok(events)
}

/// The first attempt, once there is one; or the end of a job that never had any.
async fn begin(
    store: &dyn Store,
    newest: OutputRequest,
    events: &mut Vec<Event>,
) -> StoreResult<Option<Place>> {
    let newest = store.read_output(newest).await?;
    let mut place = Place::beginning(FIRST);
    match newest.attempt {
        Some(_) => {
            let told = Told::Attempt;
            events.push(Event { place, told });
            Ok(Some(place))
        }
        None if newest.state.is_terminal() => {
            place.is_over = true;
            let told = Told::End(newest.state);
            events.push(Event { place, told });
            Ok(None)
        }
        None => Ok(None),
    }
}

fn tell(page: &OutputPage, place: &mut Place, events: &mut Vec<Event>) {
    for chunk in &page.chunks {
        let stream = chunk.stream;
        let position = *place.end_of(stream);
        let bytes = chunk.position.saturating_sub(position);
        if bytes > 0 {
            // Told by an event of its own, so that whoever leaves after it is not told again.
            *place.end_of(stream) = chunk.position;
            events.push(Event {
                place: *place,
                told: Told::Gap {
                    stream,
                    position,
                    bytes,
                },
            });
        }
        *place.end_of(stream) = chunk.position + chunk.bytes.len() as u64;
        place.after = Some(chunk.cursor);
        events.push(Event {
            place: *place,
            told: Told::Output(Arc::new(chunk.clone())),
        });
    }
}
