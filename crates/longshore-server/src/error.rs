//! Errors as problem+json.

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_client::api::{Code, Problem};
use longshore_core::spec::FieldError;
use longshore_core::store::StoreError;

use crate::dashboard;

/// What a handler answers with when it can't do what was asked.
#[derive(Debug)]
pub(crate) struct Failure(pub Box<Problem>);

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code, detail)))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if error.is_systems_fault() {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, cause, "a request failed");
        }
        Self(Box::new(Problem::of(&error)))
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Self(Box::new(Problem::invalid(&error)))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let kind = (header::CONTENT_TYPE, PROBLEM_JSON);
        let mut response = (status, [kind], body).into_response();
        let headers = response.headers_mut();
        match problem.code {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::Busy | Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::TooManyFailures => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            _ => {}
        }
        response
    }
}

/// The media type of problems.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A page for who wants one, a problem for everybody else.
pub(crate) async fn not_found(headers: HeaderMap) -> Response {
    let wanted = headers.get(header::ACCEPT);
    let wants_page = wanted.and_then(|wanted| wanted.to_str().ok());
    if wants_page.is_some_and(|wanted| wanted.contains("text/html")) {
        return dashboard::missing();
    }
    let detail = "there is nothing at this path; /docs shows what there is";
    Failure::new(Code::NotFound, detail).into_response()
}

pub(crate) async fn method_not_allowed() -> Failure {
    Failure::new(
        Code::MethodNotAllowed,
        "this path takes other methods; `Allow` says which",
    )
}

/// A handler panicked: a defect of ours, of which the caller learns nothing but that.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request's handler panicked");
    Failure::new(Code::Internal, "the server failed; its log says more").into_response()
}

/// An answer without a body.
pub(crate) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
