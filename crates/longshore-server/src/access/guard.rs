//! Where a request comes from: pages of other sites can send requests here from a user's own browser.
//!
//! A page can have its own name lead to this machine's loopback (DNS rebinding): the `Host` tells. It can
//! send a form's request without asking (cross-site request forgery): the `Origin` tells, and no form can
//! send JSON without asking first.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{Code, PREFIX};

use crate::app::App;
use crate::error::Failure;

pub(crate) async fn look(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

fn check(app: &App, request: &Request) -> Result<(), Failure> {
    let headers = request.headers();
    let host = host_of(request.uri(), headers)
        .ok_or_else(|| Failure::new(Code::BadRequest, "the request names no host"))?;
    if let Some(names) = &app.options.names
        && !names.contains(&without_port(&host).to_ascii_lowercase())
    {
        let detail = format!(
            "this server is not called {:?}; `--host-name` tells it another name",
            longshore_core::suggest::excerpt(&host)
        );
        return Err(Failure::new(Code::BadOrigin, detail));
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| {
            let (_, rest) = origin.split_once("://")?;
            Some(rest.eq_ignore_ascii_case(&host))
        });
        if own != Some(true) {
            let detail = "the request was sent by a page of another site";
            return Err(Failure::new(Code::BadOrigin, detail));
        }
    }
    // No page can have a browser send a DELETE without asking first. Pages' own forms are sealed instead.
    let is_api = request.uri().path().starts_with(PREFIX);
    let needs_json =
        is_api && changes_something(request.method()) && request.method() != Method::DELETE;
    if needs_json && !is_json(headers) {
        let detail =
            "send it with `Content-Type: application/json`; `{}` where nothing is to be said";
        return Err(Failure::new(Code::UnsupportedMediaType, detail));
    }
    Ok(())
}

/// Whether a request of this method may change something.
pub(crate) fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Of HTTP/2 it stands in the address.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then(|| host.to_owned())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/json")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_name_is_told_from_its_port() {
        for (host, name) in [
            ("localhost:7373", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:7373", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:80", "127.0.0.1"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn json_is_json_whatever_its_charset_and_nothing_else_is() {
        for (kind, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("application/json-patch+json", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, kind.parse().expect("a header"));
            assert_eq!(is_json(&headers), expected, "{kind}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
