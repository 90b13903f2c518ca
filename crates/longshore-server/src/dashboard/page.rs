//! What every page shows, and what it may load.

use std::sync::Arc;

use askama::Template;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore_client::api::{Code, Problem};
use longshore_core::access::Role;
use longshore_core::store::StoreError;
use tokio::time::timeout;

use super::assets;
use super::session::Visitor;
use crate::access::guard::changes_something;
use crate::app::App;
use crate::error::Failure;

/// Nothing but what this server has; no script or style in the page itself; no other site around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page shows.
pub(super) struct Page {
    pub title: String,
    /// The part of the site that it belongs to.
    pub part: &'static str,
    pub version: &'static str,
    /// Who looks, and what they may do.
    pub name: String,
    pub role: Role,
    /// Whether they came by a token, and can leave.
    pub has_token: bool,
    /// What a form sends, so that no other site can send it.
    pub seal: String,
    /// Of which no two pages have the same, so that a form that is sent twice is known.
    pub once: String,
    /// What it is kept up to date by: nothing, or the part of an address that says which changes.
    pub live: Option<String>,
}

impl Page {
    pub fn new(title: impl Into<String>, part: &'static str, visitor: &Visitor) -> Self {
        Self {
            title: title.into(),
            part,
            version: assets::VERSION,
            name: visitor.caller.name.clone(),
            role: visitor.caller.role,
            has_token: visitor.caller.token.is_some(),
            seal: visitor.seal(),
            once: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 12]>()),
            live: Some(String::new()),
        }
    }

    /// Of one job alone.
    pub fn of_job(mut self, job: longshore_core::JobId) -> Self {
        self.live = Some(format!("?job={job}"));
        self
    }

    /// One that stays as it is.
    pub fn still(mut self) -> Self {
        self.live = None;
        self
    }

    pub fn may_submit(&self) -> bool {
        self.role.may(Role::Submitter)
    }

    pub fn may_operate(&self) -> bool {
        self.role.may(Role::Operator)
    }
}

/// A page, or why there is none.
pub(super) type Shown = Result<Response, Trouble>;

/// Fills a template in.
pub(super) fn shown(template: &impl Template) -> Shown {
    match template.render() {
        Ok(html) => Ok(Html(html).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            Err(Failure::new(
                Code::Internal,
                "the page could not be made; the log says more",
            )
            .into())
        }
    }
}

/// Leads to another page of this site, after something was done.
pub(super) fn see(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// What went wrong, as a page.
pub(super) struct Trouble(Box<Problem>);

impl From<Failure> for Trouble {
    fn from(Failure(problem): Failure) -> Self {
        Self(problem)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Failure::from(error).into()
    }
}

impl From<longshore_core::spec::FieldError> for Trouble {
    fn from(error: longshore_core::spec::FieldError) -> Self {
        Failure::from(error).into()
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    version: &'static str,
    title: String,
    detail: String,
    hint: Option<String>,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = TroublePage {
            version: assets::VERSION,
            title: problem.title.clone(),
            detail: problem.detail.clone(),
            hint: problem.hint.clone(),
        };
        let html = page.render().unwrap_or_else(|_| problem.detail.clone());
        (status, Html(html)).into_response()
    }
}

/// There is nothing at this address.
pub(crate) fn missing() -> Response {
    let failure = Failure::new(Code::NotFound, "there is no page at this address");
    protected(Trouble::from(failure).into_response())
}

/// Bounds how long a form may take, has whatever goes wrong be a page, and says what pages may load.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = if changes_something(request.method()) {
        let done = timeout(app.options.arrival, next.run(request)).await;
        done.unwrap_or_else(|_late| {
            let failure = Failure::new(Code::RequestTimeout, "the form did not arrive in time");
            Trouble::from(failure).into_response()
        })
    } else {
        next.run(request).await
    };
    protected(readable(response).await)
}

/// What the router itself refuses (an address or a form that can't be read), as a page.
async fn readable(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    if !(is_plain && status.is_client_error()) {
        return response;
    }
    let said = to_bytes(response.into_body(), MOST_SAID).await;
    let said = said.unwrap_or_default();
    let mut page = Trouble::from(Failure::new(
        Code::BadRequest,
        String::from_utf8_lossy(&said),
    ))
    .into_response();
    *page.status_mut() = status;
    page
}

/// The router's own words are a line or two.
const MOST_SAID: usize = 4096;

fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        // Nobody keeps them.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
