//! Stored output: in pages, and as it is.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_client::api::{Code, OutputChunk, OutputPageBody, OutputQuery, Problem};
use longshore_core::output::Stream;
use longshore_core::spec::FieldError;
use longshore_core::store::{OutputCursor, OutputRequest, Store, StoreResult, StoredOutput};
use longshore_core::{AttemptNumber, JobId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::error::{Answer, Failure};
use crate::extract::{Asked, Named, NamedJob};

/// How much is read at once.
const PAGE_BYTES: u32 = 1024 * 1024;
const MAX_PAGE_BYTES: u32 = 4 * PAGE_BYTES;

/// A page of an attempt's output, both streams in the order in which they were stored
#[utoipa::path(get, path = "/jobs/{id}/output", tag = "output", params(("id" = JobId, Path, description = "The job's id"), OutputQuery),
    responses((status = 200, body = OutputPageBody), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_output(
    State(app): State<Arc<App>>,
    Named(job): NamedJob,
    Asked(query): Asked<OutputQuery>,
) -> Answer<Json<OutputPageBody>> {
    let after = match (query.after_token, query.after_seq) {
        (Some(token), Some(seq)) => Some(OutputCursor { token, seq }),
        (None, None) => None,
        _ => {
            let problem = "go together: after_token and after_seq of the last chunk";
            return Err(FieldError::new("after_token", problem).into());
        }
    };
    let max_bytes = query.max_bytes.unwrap_or(PAGE_BYTES);
    if !(1..=MAX_PAGE_BYTES).contains(&max_bytes) {
        let problem = format!("must be from 1 to {MAX_PAGE_BYTES}");
        return Err(FieldError::new("max_bytes", problem).into());
    }
    let request = OutputRequest {
        job,
        attempt: query.attempt,
        after,
        max_bytes,
    };
    let page = app.store.read_output(request).await?;
    Ok(Json(OutputPageBody {
        attempt: page.attempt,
        chunks: page.chunks.iter().map(chunk_body).collect(),
        is_end: page.is_end,
        state: page.state,
    }))
}

fn chunk_body(chunk: &StoredOutput) -> OutputChunk {
    OutputChunk {
        cursor: chunk.cursor,
        stream: chunk.stream,
        position: chunk.position,
        at: chunk.at,
        bytes: STANDARD.encode(&chunk.bytes),
    }
}

/// Of which attempt.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WholeQuery {
    /// Of which attempt; the newest when absent.
    attempt: Option<AttemptNumber>,
}

/// What an attempt wrote to its standard output so far, byte for byte
///
/// Takes `Range: bytes=FIRST-` and `bytes=FIRST-LAST`. `Longshore-Omitted-Bytes` says how many bytes the cap
/// left out.
#[utoipa::path(get, path = "/jobs/{id}/stdout", tag = "output", params(("id" = JobId, Path, description = "The job's id"), WholeQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stdout(
    State(app): State<Arc<App>>,
    Named(job): NamedJob,
    Asked(query): Asked<WholeQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    whole(&app, job, query, Stream::Stdout, &headers).await
}

/// What an attempt wrote to its standard error so far, byte for byte
///
/// As `/jobs/{id}/stdout`.
#[utoipa::path(get, path = "/jobs/{id}/stderr", tag = "output", params(("id" = JobId, Path, description = "The job's id"), WholeQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stderr(
    State(app): State<Arc<App>>,
    Named(job): NamedJob,
    Asked(query): Asked<WholeQuery>,
    headers: HeaderMap,
) -> Answer<Response> {
    whole(&app, job, query, Stream::Stderr, &headers).await
}

async fn whole(
    app: &App,
    job: JobId,
    WholeQuery { attempt }: WholeQuery,
    stream: Stream,
    headers: &HeaderMap,
) -> Answer<Response> {
    let range = match headers.get(header::RANGE) {
        Some(range) => Range::read(range),
        None => None,
    };
    let stored = Stored::read(&*app.store, job, attempt, stream).await?;
    let size = stored.bytes.len();
    let mut response = Response::new(Body::empty());
    let bytes = match range {
        None => stored.bytes,
        Some(range) => {
            let Some((first, end)) = range.within(size) else {
                let detail = format!("there are {size} bytes");
                return Err(Failure::new(Code::RangeNotSatisfiable, detail));
            };
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let place = format!("bytes {first}-{}/{size}", end - 1);
            if let Ok(place) = HeaderValue::from_str(&place) {
                response.headers_mut().insert(header::CONTENT_RANGE, place);
            }
            stored.bytes[first..end].to_vec()
        }
    };
    let own = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    own.insert(header::CONTENT_TYPE, kind);
    own.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // What a job wrote is nothing that a browser should make anything of.
    own.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    own.insert("longshore-omitted-bytes", stored.omitted.into());
    *response.body_mut() = Body::from(bytes);
    Ok(response)
}

/// Everything that is stored of one stream of an attempt. The cap bounds it.
struct Stored {
    bytes: Vec<u8>,
    omitted: u64,
}

impl Stored {
    async fn read(
        store: &dyn Store,
        job: JobId,
        attempt: Option<AttemptNumber>,
        stream: Stream,
    ) -> StoreResult<Self> {
        let mut bytes = Vec::new();
        let mut end = 0;
        let mut request = OutputRequest {
            job,
            attempt,
            after: None,
            max_bytes: PAGE_BYTES,
        };
        loop {
            let page = store.read_output(request).await?;
            request.attempt = page.attempt;
            for chunk in page.chunks.iter().filter(|chunk| chunk.stream == stream) {
                end = chunk.position + chunk.bytes.len() as u64;
                bytes.extend_from_slice(&chunk.bytes);
            }
            match page.chunks.last() {
                Some(last) => request.after = Some(last.cursor),
                None => break,
            }
        }
        let omitted = end.saturating_sub(bytes.len() as u64);
        Ok(Self { bytes, omitted })
    }
}

/// One range of bytes. Others (of several parts, in other units) are ignored, as RFC 9110 allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Range {
    From(usize, Option<usize>),
    Last(usize),
}

impl Range {
    fn read(header: &HeaderValue) -> Option<Self> {
        let (first, last) = header
            .to_str()
            .ok()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().unwrap_or(usize::MAX))
        };
        match (first, last) {
            ("", last) => Some(Self::Last(number(last)?)),
            (first, "") => Some(Self::From(number(first)?, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// Its first byte, and the one behind its last.
    fn within(self, size: usize) -> Option<(usize, usize)> {
        let (first, end) = match self {
            Self::From(first, last) => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                (first, end)
            }
            Self::Last(count) => (size.saturating_sub(count), size),
        };
        (first < end).then_some((first, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_writes_them() {
        for (header, expected) in [
            ("bytes=0-3", Some((0, 4))),
            ("bytes=8-", Some((8, 10))),
            ("bytes=8-99", Some((8, 10))),
            ("bytes=-3", Some((7, 10))),
            ("bytes=-99", Some((0, 10))),
            ("bytes=10-", None),
            ("bytes=-0", None),
        ] {
            let range = Range::read(&HeaderValue::from_static(header)).expect(header);
            assert_eq!(range.within(10), expected, "{header}");
        }
        for header in [
            "bytes=3-1",
            "bytes=",
            "bytes=-",
            "lines=1-2",
            "bytes=0-1,3-4",
            "bytes=+1-2",
        ] {
            assert_eq!(
                Range::read(&HeaderValue::from_static(header)),
                None,
                "{header}"
            );
        }
    }
}
