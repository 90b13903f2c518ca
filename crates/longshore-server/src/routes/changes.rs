//! The feed of changes, in pages and as it comes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use longshore_client::api::{ChangeEvent, ChangeQuery, Code, Problem};
use longshore_core::spec::FieldError;
use longshore_core::store::{Change, ChangeCursor, ChangePage};
use longshore_core::{JobId, QueueId};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, Failure};
use crate::extract::Asked;
use crate::streams::Room;
use crate::streams::changes::{Listener, Told};

/// Rows of a page where nothing is said.
const PAGE_ROWS: u32 = 100;
/// How often a silent stream says that it is there, and where its listener is.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Which jobs came into other states, in pages
///
/// Everything that moves a job from one state to another is told once, and is kept for at least three days.
/// What leaves the state as it was (another priority) is not told. Keep `next` and ask again with it: nothing
/// is lost and nothing comes twice, also across restarts. `is_cut` says that changes behind the cursor are kept
/// no more; `is_all` that this was all for now.
#[utoipa::path(get, path = "/changes", tag = "changes", params(ChangeQuery),
    responses((status = 200, body = ChangePage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_changes(
    State(app): State<Arc<App>>,
    Asked(query): Asked<ChangeQuery>,
) -> Answer<Json<ChangePage>> {
    let limit = query.limit.unwrap_or(PAGE_ROWS);
    if !(1..=ChangePage::MAX_ROWS).contains(&limit) {
        let problem = format!("must be from 1 to {}", ChangePage::MAX_ROWS);
        return Err(FieldError::new("limit", problem).into());
    }
    let page = match cursor(query.after.as_deref())? {
        Some(after) => app.store.changes(&after, limit).await?,
        None => ChangePage {
            changes: Vec::new(),
            next: app.store.newest_change().await?,
            is_cut: false,
            is_all: true,
        },
    };
    Ok(Json(page))
}

fn cursor(text: Option<&str>) -> Answer<Option<ChangeCursor>> {
    let cursor = text.filter(|text| !text.is_empty()).map(str::parse);
    let bad = |error: longshore_core::store::BadChangeCursor| {
        Failure::new(Code::BadRequest, error.to_string())
    };
    cursor.transpose().map_err(bad)
}

/// What to listen to, and from where.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FollowQuery {
    /// As the header `Last-Event-ID`, for callers that can't send it.
    after: Option<String>,
    /// Of this job alone.
    job: Option<JobId>,
    /// Of jobs of this queue alone.
    queue: Option<String>,
}

/// Which jobs came into other states, as it comes
///
/// Server-sent events: `begin` (for whoever gave no id: what follows comes after this), `changes`, and `gap`
/// (changes are missing that are kept no more: look at everything anew), each with an id, which is also a
/// cursor of `/changes`. Whoever asks again with `Last-Event-ID` is told what follows that event: nothing is
/// lost and nothing comes twice. Between events a comment or an id alone shows that the stream is there.
#[utoipa::path(get, path = "/changes/events", tag = "changes",
    params(FollowQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, body = ChangeEvent, content_type = "text/event-stream", description = "Each event's data"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn follow_changes(
    State(app): State<Arc<App>>,
    Asked(query): Asked<FollowQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let from = cursor(seen.or(query.after.as_deref()))?;
    let queue = match &query.queue {
        Some(name) => Some(app.store.queue(name).await?.id),
        None => None,
    };
    if let Some(job) = query.job {
        // An unknown job is an error before the stream begins.
        app.store.states(&[job]).await?;
    }
    let room = app.streams.enter();
    let room =
        room.ok_or_else(|| Failure::new(Code::Busy, "there are too many streams already"))?;
    let following = Following {
        listener: app.streams.changes.listen(from),
        app,
        wanted: Wanted {
            job: query.job,
            queue,
        },
        told: None,
        is_over: false,
        _room: room,
    };
    let events = stream::unfold(following, Following::next);
    let sse = axum::response::Sse::new(events);
    Ok(sse
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// Which changes a caller wants.
#[derive(Clone, Copy)]
struct Wanted {
    job: Option<JobId>,
    queue: Option<QueueId>,
}

impl Wanted {
    fn has(self, change: &Change) -> bool {
        self.job.is_none_or(|job| job == change.job)
            && self.queue.is_none_or(|queue| queue == change.queue)
    }
}

/// One caller who listens.
struct Following {
    app: Arc<App>,
    listener: Listener,
    wanted: Wanted,
    /// The cursor that the caller knows, if it is given one.
    told: Option<ChangeCursor>,
    is_over: bool,
    _room: Room,
}

impl Following {
    async fn next(mut self) -> Option<(Result<Sse, Infallible>, Self)> {
        let shown_by = Instant::now() + KEEP_ALIVE;
        while !self.is_over {
            let told = tokio::select! {
                told = self.listener.next() => told,
                () = self.app.streams.stopped() => return None,
                // Others' changes went by: whoever leaves now is not to be told of them again.
                () = sleep_until(shown_by), if self.is_ahead() => {
                    let id = self.id();
                    return Some((Ok(Sse::default().id(id)), self));
                }
            };
            if let Some(event) = self.event(told) {
                return Some((Ok(event), self));
            }
        }
        None
    }

    /// Whether the listener has come further than the caller knows.
    fn is_ahead(&self) -> bool {
        self.listener.cursor() != self.told.as_ref()
    }

    /// The listener's place, which the caller knows from now on.
    fn id(&mut self) -> String {
        self.told = self.listener.cursor().cloned();
        self.told
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    fn event(&mut self, told: Told) -> Option<Sse> {
        let event = match told {
            Told::Begin => ChangeEvent::Begin,
            Told::Page(page) if page.is_cut => ChangeEvent::Gap,
            Told::Page(page) => {
                let wanted = page.changes.iter().filter(|change| self.wanted.has(change));
                let changes: Vec<Change> = wanted.copied().collect();
                if changes.is_empty() {
                    return None;
                }
                ChangeEvent::Changes { changes }
            }
            Told::Failed(problem) => {
                // The stream ends; whoever asks again goes on where it was.
                self.is_over = true;
                let sse = Sse::default().event("error");
                return Some(sse.json_data(problem).unwrap_or_default());
            }
        };
        let name = match &event {
            ChangeEvent::Begin => "begin",
            ChangeEvent::Changes { .. } => "changes",
            ChangeEvent::Gap => "gap",
        };
        let sse = Sse::default().event(name).id(self.id());
        let written = sse.json_data(event);
        Some(written.unwrap_or_else(|_| Sse::default().comment("an event could not be written")))
    }
}
