//! Who looks at pages: by a cookie that holds a token, or as whoever reaches the server.
//!
//! Nothing is kept on the server, so any server of the same database knows who comes, and a token that is
//! revoked or has expired opens no page any more. A page of another site can have a browser send a form here
//! with these cookies; it can't know the seal that the form must hold, which is made of a second cookie. (The
//! cookies are `SameSite=Strict` and the `Origin` is checked, too.)

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_client::api::Code;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::page::Trouble;
use crate::access::caller::{self, Caller};
use crate::app::{Access, App};
use crate::error::Failure;

/// The cookie that holds a token.
pub(crate) const SESSION: &str = "longshore_session";
/// The cookie that seals are made of.
const VISIT: &str = "longshore_visit";

/// Who looks at a page.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub caller: Caller,
    visit: String,
}

impl Visitor {
    /// What a form of this visitor must hold.
    pub fn seal(&self) -> String {
        seal_of(&self.visit)
    }

    /// Refuses a form that was not made for this visitor.
    pub fn check(&self, seal: &str) -> Result<(), Failure> {
        check(&self.visit, seal)
    }
}

fn seal_of(visit: &str) -> String {
    let digest = Sha256::new()
        .chain_update("seal of a form:")
        .chain_update(visit);
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

fn check(visit: &str, seal: &str) -> Result<(), Failure> {
    let own = seal_of(visit);
    if !visit.is_empty() && bool::from(own.as_bytes().ct_eq(seal.as_bytes())) {
        return Ok(());
    }
    let detail =
        "this form is not one of yours, or your browser keeps no cookies: load the page again";
    Err(Failure::new(Code::BadOrigin, detail))
}

/// A cookie's value.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(own, value)| (own == name).then_some(value))
}

/// A header that sets a cookie, for as long as the browser is open; an empty one takes it away.
fn set(app: &App, name: &str, value: &str) -> HeaderValue {
    let secure = if app.options.is_encrypted {
        "; Secure"
    } else {
        ""
    };
    let gone = if value.is_empty() { "; Max-Age=0" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{gone}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The cookie that opens pages by this token, or by none.
pub(super) fn enter(app: &App, token: &str) -> (axum::http::HeaderName, HeaderValue) {
    (SET_COOKIE, set(app, SESSION, token))
}

/// The visit that a request belongs to: one that is known, or a new one with the cookie that makes it known.
pub(super) fn visit(app: &App, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
    if let Some(visit) = cookie(headers, VISIT).filter(is_visit) {
        return (visit.to_owned(), None);
    }
    let visit = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let cookie = set(app, VISIT, &visit);
    (visit, Some(cookie))
}

/// Checks the seal of a form that is sent by somebody who is not known yet. Without the cookie there is none:
/// a form of another site comes without it.
pub(super) fn check_stranger(headers: &HeaderMap, seal: &str) -> Result<(), Failure> {
    check(
        cookie(headers, VISIT).filter(is_visit).unwrap_or_default(),
        seal,
    )
}

/// Whether this is a visit of ours: 256 random bits.
fn is_visit(text: &&str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len() == 43 && text.bytes().all(is_safe)
}

/// The seal of a stranger's form.
pub(super) fn stranger(app: &App, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
    let (visit, cookie) = visit(app, headers);
    (seal_of(&visit), cookie)
}

/// Finds out who looks; leads to the login whom nobody knows.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = caller::address_of(request.extensions());
    let token = cookie(request.headers(), SESSION).map(str::to_owned);
    let caller = match caller::recognise(&app, token.as_deref(), address).await {
        Ok(caller) => caller,
        // A token that is good no more takes nothing from whoever needs none.
        Err(_) if matches!(app.options.access, Access::Open(_)) => {
            match caller::recognise(&app, None, address).await {
                Ok(caller) => caller,
                Err(failure) => return Trouble::from(failure).into_response(),
            }
        }
        Err(Failure(problem)) if problem.code == Code::Unauthenticated => {
            let back = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str());
            let back = as_value(back);
            let login = format!("/login?next={back}");
            let login = HeaderValue::from_str(&login).unwrap_or(HeaderValue::from_static("/login"));
            return (StatusCode::SEE_OTHER, [(LOCATION, login)]).into_response();
        }
        Err(failure) => return Trouble::from(failure).into_response(),
    };
    let (visit, cookie) = visit(&app, request.headers());
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(Visitor { caller, visit });
    let mut response = next.run(request).await;
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What stands in an address as it is.
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A text as a value in an address.
pub(super) fn as_value(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Trouble> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| Failure::new(Code::Unauthenticated, "nobody knows who looks").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; longshore_visit=x=y"));
        headers.append(
            COOKIE,
            HeaderValue::from_static("longshore_session=lsh_1_a"),
        );
        assert_eq!(cookie(&headers, "a"), Some("1"));
        assert_eq!(cookie(&headers, VISIT), Some("x=y"));
        assert_eq!(cookie(&headers, SESSION), Some("lsh_1_a"));
        assert_eq!(cookie(&headers, "longshore"), None);
    }

    #[test]
    fn a_seal_is_of_one_visit_alone() {
        check("one", &seal_of("one")).expect("its own");
        assert!(check("two", &seal_of("one")).is_err());
        assert!(check("", &seal_of("")).is_err(), "everybody knows that one");
    }
}
