//! Counts requests.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, histogram};

use super::names;

/// Counts a request under its route as the router knows it, never under the path that was sent.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let method = word_of(request.method());
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = class_of(response.status());
    histogram!(names::HTTP_DURATION.name, "method" => method, "route" => route.clone())
        .record(begun.elapsed());
    counter!(names::HTTP_REQUESTS.name, "method" => method, "route" => route, "status" => status)
        .increment(1);
    response
}

/// Callers may make up methods.
fn word_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}
