//! What a request says, read with errors that are problems.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum_extra::extract::Query;
use longshore_client::api::{Code, Problem};
use longshore_core::JobId;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::app::App;
use crate::error::Failure;

/// A JSON body, and its share of what all bodies may take, which is given back once the request is answered.
pub(crate) struct Said<T>(
    pub T,
    #[allow(dead_code, reason = "kept, not read")] pub Share,
);

/// A share of the memory for bodies.
pub(crate) type Share = OwnedSemaphorePermit;

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Said<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let (bytes, share) = whole(request, app).await?;
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let error = error.into_inner();
            if error.is_data() {
                return field_problem(&path, &without_place(&error.to_string()));
            }
            let detail = format!("the body is not JSON: {error}");
            Failure::new(Code::BadRequest, detail)
        })?;
        reader.end().map_err(|error| {
            Failure::new(
                Code::BadRequest,
                format!("the body is not one JSON document: {error}"),
            )
        })?;
        Ok(Self(read, share))
    }
}

/// The whole body, within the server's bounds of size and time. However many come at once, together they
/// take no more than [`BODIES`].
async fn whole(request: Request, app: &Arc<App>) -> Result<(Bytes, Share), Failure> {
    let most = app.options.max_body;
    let said = request.headers().get(header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let size = said.unwrap_or(most).max(1);
    let coming = async {
        let share = Arc::clone(&app.bodies)
            .acquire_many_owned(in_kib(size))
            .await;
        let share = share.map_err(|_| Failure::new(Code::Busy, "the server is about to stop"))?;
        let bytes = Bytes::from_request(request, app).await.map_err(|error| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return too_large(most);
            }
            let detail = format!("the body did not arrive: {}", error.body_text());
            Failure::new(Code::BadRequest, detail)
        })?;
        Ok((bytes, share))
    };
    let arrived = timeout(app.options.arrival, coming).await;
    arrived.unwrap_or_else(|_late| {
        Err(Failure::new(
            Code::RequestTimeout,
            "the body did not arrive in time",
        ))
    })
}

/// What the bodies of all requests may take together, in bytes: of JSON, which takes several times as much
/// once it is read.
pub(crate) const BODIES: usize = 32 * 1024 * 1024;

/// How much room there is, in shares of a KiB.
pub(crate) fn room_for_bodies() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(BODIES / 1024))
}

fn in_kib(bytes: usize) -> u32 {
    u32::try_from(bytes.min(BODIES).div_ceil(1024)).unwrap_or(u32::MAX)
}

fn too_large(most: usize) -> Failure {
    Failure::new(
        Code::TooLarge,
        format!("this server takes {most} bytes at most"),
    )
}

/// Where in the text it is says less than the path that stands beside it.
fn without_place(text: &str) -> String {
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_owned()
}

fn field_problem(path: &str, problem: &str) -> Failure {
    let error = longshore_core::spec::FieldError::new(path.trim_start_matches('.'), problem);
    Failure(Box::new(Problem::invalid(&error)))
}

/// The query's parameters.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Failure::new(Code::BadRequest, error.body_text())),
        }
    }
}

/// The part of a path that names something.
pub(crate) struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name))
            .map_err(|error| Failure::new(Code::BadRequest, error.body_text()))
    }
}

/// A job's number in a path.
pub(crate) type NamedJob = Named<JobId>;
