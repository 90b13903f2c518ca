//! A job's output as it comes, by server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sse, KeepAlive};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use longshore_client::api::{Code, OutputEvent, Problem};
use longshore_core::JobId;
use longshore_core::store::StoreError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, Failure, nothing};
use crate::extract::{Asked, Named, NamedJob};
use crate::streams::listening::{Heard, Listener};
use crate::streams::output::{Event, Told};
use crate::streams::place::Place;

/// How often a silent stream says that it is there, so that proxies keep it.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FollowQuery {
    /// As the header `Last-Event-ID`, for callers that can't send it.
    after: Option<String>,
}

/// What a job writes, as it comes, until the job has ended
///
/// Server-sent events: `attempt` (another attempt begins), `output`, `gap` (the cap left bytes out) and `end`,
/// each with an id. Whoever asks again with `Last-Event-ID` is told what follows that event: nothing is lost
/// and nothing comes twice. After `end` that is 204, at which browsers stop asking.
#[utoipa::path(get, path = "/jobs/{id}/output/events", tag = "output",
    params(("id" = JobId, Path, description = "The job's id"), FollowQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses((status = 200, body = OutputEvent, content_type = "text/event-stream", description = "Each event's data"),
    (status = 204, description = "The end was seen already"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn follow_output(
    State(app): State<Arc<App>>,
    Named(job): NamedJob,
    Asked(query): Asked<FollowQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    let Some(listener) = listen(&app, job, &headers, query.after.as_deref()).await? else {
        return Ok(nothing());
    };
    let events = stream::unfold(listener, async |mut listener| {
        let sse = match listener.next().await? {
            Heard::Event(event) => sse(&event),
            Heard::Failed(error) => failed(&error),
        };
        Some((Ok::<_, Infallible>(sse), listener))
    });
    let sse = axum::response::Sse::new(events);
    Ok(sse
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// Listens to a job's output behind the event that the caller saw last, as `Last-Event-ID` says or else the
/// address; none if that was the end. An unknown job is an error before any stream begins.
pub(crate) async fn listen(
    app: &Arc<App>,
    job: JobId,
    headers: &HeaderMap,
    after: Option<&str>,
) -> Answer<Option<Listener>> {
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = seen.or(after).filter(|id| !id.is_empty());
    let place = seen.map(str::parse::<Place>).transpose();
    let place = place.map_err(|error| Failure::new(Code::BadRequest, error.to_string()))?;
    if place.is_some_and(|place| place.is_over) {
        return Ok(None);
    }
    app.store.states(&[job]).await?;
    let room = app.streams.enter();
    let room =
        room.ok_or_else(|| Failure::new(Code::Busy, "there are too many streams already"))?;
    Ok(Some(Listener::new(Arc::clone(app), job, place, room)))
}

fn sse(event: &Event) -> Sse {
    let attempt = event.place.attempt;
    let (name, data) = match &event.told {
        Told::Attempt => ("attempt", OutputEvent::Attempt { attempt }),
        Told::Gap {
            stream,
            position,
            bytes,
        } => {
            let (stream, position, bytes) = (*stream, *position, *bytes);
            let gap = OutputEvent::Gap {
                attempt,
                stream,
                position,
                bytes,
            };
            ("gap", gap)
        }
        Told::Output(chunk) => {
            let (text, base64) = match std::str::from_utf8(&chunk.bytes) {
                Ok(text) => (Some(text.to_owned()), None),
                Err(_) => (None, Some(STANDARD.encode(&chunk.bytes))),
            };
            let output = OutputEvent::Output {
                attempt,
                stream: chunk.stream,
                position: chunk.position,
                at: chunk.at,
                text,
                base64,
            };
            ("output", output)
        }
        Told::End(state) => ("end", OutputEvent::End { state: *state }),
    };
    let sse = Sse::default().event(name).id(event.place.to_string());
    sse.json_data(data)
        .unwrap_or_else(|_| Sse::default().comment("an event could not be written"))
}

/// The stream ends; whoever asks again goes on where it was.
fn failed(error: &StoreError) -> Sse {
    let problem = Problem::of(error);
    let sse = Sse::default().event("error");
    sse.json_data(problem).unwrap_or_default()
}
