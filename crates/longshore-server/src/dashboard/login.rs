//! Coming by a token, and leaving.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::Code;
use serde::Deserialize;

use super::page::{Shown, shown};
use super::{assets, session};
use crate::access::caller;
use crate::app::App;
use crate::error::Failure;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    version: &'static str,
    seal: String,
    next: String,
    problem: Option<String>,
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    next: String,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Query(Asked { next }): Query<Asked>,
    headers: HeaderMap,
) -> Shown {
    page(&app, &headers, &next, None)
}

fn page(app: &App, headers: &HeaderMap, next: &str, problem: Option<String>) -> Shown {
    let (seal, cookie) = session::stranger(app, headers);
    let page = LoginPage {
        version: assets::VERSION,
        seal,
        next: within(next).to_owned(),
        problem,
    };
    let mut response = shown(&page)?;
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A page of this site; anything else leads to the first.
fn within(next: &str) -> &str {
    let is_own =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_own { next } else { "/" }
}

/// What the form says.
#[derive(Deserialize)]
pub(super) struct Said {
    seal: String,
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn enter(
    State(app): State<Arc<App>>,
    extensions: Extensions,
    headers: HeaderMap,
    Form(said): Form<Said>,
) -> Shown {
    session::check_stranger(&headers, &said.seal)?;
    let address = caller::address_of(&extensions);
    let token = said.token.trim();
    match caller::recognise(&app, Some(token), address).await {
        Ok(_) => Ok(to(within(&said.next), session::enter(&app, token))),
        Err(Failure(problem))
            if matches!(problem.code, Code::Unauthenticated | Code::TooManyFailures) =>
        {
            let mut response = page(&app, &headers, &said.next, Some(problem.detail.clone()))?;
            *response.status_mut() =
                StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNAUTHORIZED);
            Ok(response)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// What the button says.
#[derive(Deserialize)]
pub(super) struct Leaving {
    seal: String,
}

pub(super) async fn leave(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(Leaving { seal }): Form<Leaving>,
) -> Shown {
    session::check_stranger(&headers, &seal)?;
    Ok(to("/login", session::enter(&app, "")))
}

fn to(path: &str, cookie: (axum::http::HeaderName, HeaderValue)) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, place), cookie]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for (next, to) in [
            ("/jobs?state=failed", "/jobs?state=failed"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            (r"/\evil.example", "/"),
            ("", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
        ] {
            assert_eq!(within(next), to, "{next:?}");
        }
    }
}
