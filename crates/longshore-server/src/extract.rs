//! What a request says, read with errors that are problems.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum_extra::extract::Query;
use longshore_client::api::{Code, Problem};
use longshore_core::JobId;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::app::App;
use crate::error::Failure;

/// A JSON body.
pub(crate) struct Said<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Said<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let bytes = whole(request, app).await?;
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
        Ok(Self(read))
    }
}

/// The whole body, within the server's bounds of size and time.
async fn whole(request: Request, app: &Arc<App>) -> Result<Bytes, Failure> {
    let arrives = timeout(app.options.arrival, Bytes::from_request(request, app));
    match arrives.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("this server takes {} bytes at most", app.options.max_body);
            Err(Failure::new(Code::TooLarge, detail))
        }
        Ok(Err(error)) => {
            let detail = format!("the body did not arrive: {}", error.body_text());
            Err(Failure::new(Code::BadRequest, detail))
        }
        Err(_) => Err(Failure::new(
            Code::RequestTimeout,
            "the body did not arrive in time",
        )),
    }
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
