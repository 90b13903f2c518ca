//! A job's output on its page: what there is, and what comes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sse, KeepAlive, Sse as Stream};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use longshore_client::api::Problem;
use longshore_core::JobId;
use longshore_core::store::StoreResult;
use serde::Deserialize;

use super::page::Trouble;
use super::paint::Painter;
use super::words::bytes;
use crate::app::App;
use crate::error::nothing;
use crate::routes::{KEEP_ALIVE, listen};
use crate::streams::listening::Heard;
use crate::streams::output::{self, Event, Told};
use crate::streams::place::Place;

/// So much of a job's output is on its page from the start; the rest comes by the script, or whole from the
/// API.
const FIRST: usize = 256 * 1024;

/// What is on the page from the start.
pub(super) struct Start {
    pub html: String,
    /// Behind it; none while there is nothing.
    pub place: Option<String>,
    /// Whether the job has ended and this is all.
    pub is_whole: bool,
}

/// Reads the beginning of a job's output.
pub(super) async fn start(app: &App, job: JobId) -> StoreResult<Start> {
    let mut painter = Painter::default();
    let mut html = String::new();
    let mut place: Option<Place> = None;
    while html.len() < FIRST && place.is_none_or(|place| !place.is_over) {
        let events = output::after(&*app.store, job, place).await?;
        let Some(last) = events.last() else {
            break;
        };
        place = Some(last.place);
        html.extend(events.iter().map(|event| written(&mut painter, event)));
    }
    Ok(Start {
        html,
        place: place.map(|place| place.to_string()),
        is_whole: place.is_some_and(|place| place.is_over),
    })
}

/// An event as a piece of the page.
fn written(painter: &mut Painter, event: &Event) -> String {
    match &event.told {
        Told::Attempt if event.place.attempt.0 == 1 => String::new(),
        Told::Attempt => {
            *painter = Painter::default();
            let attempt = event.place.attempt;
            format!("<span class=\"mark\">— attempt {attempt} —\n</span>")
        }
        Told::Output(chunk) => painter.paint(chunk.stream, &chunk.bytes),
        Told::Gap {
            bytes: left_out, ..
        } => {
            let left_out = bytes(*left_out);
            format!("<span class=\"mark\">\n— {left_out} left out by the cap —\n</span>")
        }
        Told::End(_) => String::new(),
    }
}

/// From where on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    after: String,
}

/// Server-sent events: `html`, to be put behind what there is, and `end`.
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    Path(job): Path<JobId>,
    Query(Asked { after }): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let Some(listener) = listen(&app, job, &headers, Some(&after)).await? else {
        return Ok(nothing());
    };
    let events = stream::unfold(
        (listener, Painter::default()),
        async |(mut listener, mut painter)| {
            let sse = match listener.next().await? {
                Heard::Event(event) => {
                    // An event without data is none.
                    let (name, data) = match event.told {
                        Told::End(_) => ("end", "end".to_owned()),
                        _ => ("html", written(&mut painter, &event)),
                    };
                    Sse::default()
                        .event(name)
                        .id(event.place.to_string())
                        .data(data)
                }
                Heard::Failed(error) => {
                    let sse = Sse::default().event("failed");
                    sse.data(Problem::of(&error).detail)
                }
            };
            Some((Ok::<_, Infallible>(sse), (listener, painter)))
        },
    );
    let sse = Stream::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(sse.into_response())
}
