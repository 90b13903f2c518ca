//! Who asks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::Code;
use longshore_core::access::{ApiTokenId, Role};

use super::guard::changes_something;
use super::secret::Secret;
use crate::app::{Access, App};
use crate::dashboard::session;
use crate::error::Failure;

/// What callers without a token are called.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// The token's name.
    pub name: String,
    pub role: Role,
    pub token: Option<ApiTokenId>,
    pub address: IpAddr,
}

/// Finds out who asks, and notes it in the request.
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address_of(request.extensions());
    let token = token_of(&request);
    match recognise(&app, token.as_deref(), address).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// The token that a request shows; an empty one if what it shows is none. Of requests that change nothing also
/// that of a browser which looks at pages: its scripts ask what the API offers.
fn token_of(request: &Request) -> Option<String> {
    let headers = request.headers();
    if let Some(shown) = headers.get(header::AUTHORIZATION) {
        let token = shown.to_str().ok().and_then(|shown| {
            let (scheme, token) = shown.split_once(' ')?;
            scheme
                .eq_ignore_ascii_case("bearer")
                .then_some(token.trim())
        });
        return Some(token.unwrap_or_default().to_owned());
    }
    let token = session::cookie(headers, session::SESSION);
    token
        .filter(|_| !changes_something(request.method()))
        .map(str::to_owned)
}

/// Where a request comes from.
pub(crate) fn address_of(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    // Only a router that is asked without a socket, as tests do, has none.
    peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(peer)| {
        peer.ip()
    })
}

/// Who shows this token, or none.
pub(crate) async fn recognise(
    app: &App,
    token: Option<&str>,
    address: IpAddr,
) -> Result<Caller, Failure> {
    let Some(token) = token else {
        return match app.options.access {
            Access::Open(role) => Ok(Caller {
                name: ANONYMOUS.to_owned(),
                role,
                token: None,
                address,
            }),
            Access::Tokens => {
                let detail = "send `Authorization: Bearer TOKEN`; \
                              `longshore token create` makes one";
                Err(Failure::new(Code::Unauthenticated, detail))
            }
        };
    };
    if let Some((id, secret)) = Secret::read(token)
        && let Some(stored) = app.store.token(id).await?
        && secret.fits(stored.hash)
        && stored.token.is_good
    {
        if app.uses.is_news(id) {
            app.store.note_token_use(id).await?;
        }
        return Ok(Caller {
            name: stored.token.name,
            role: stored.token.role,
            token: Some(id),
            address,
        });
    }
    if app.failures.note(address) {
        let detail = "too many wrong tokens came from this address: wait a minute";
        return Err(Failure::new(Code::TooManyFailures, detail));
    }
    // Those that were too many are not logged: whoever guesses must not fill the log.
    tracing::warn!(%address, "a wrong token was shown");
    let detail = "this token is wrong, has expired or was revoked";
    Err(Failure::new(Code::Unauthenticated, detail))
}
