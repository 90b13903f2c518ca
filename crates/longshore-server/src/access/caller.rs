//! Who asks.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::Code;
use longshore_core::access::{ApiTokenId, Role};

use super::secret::Secret;
use crate::app::{Access, App};
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
    let address = address_of(&request);
    match recognise(&app, request.headers(), address).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

fn address_of(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Only a router that is asked without a socket, as tests do, has none.
    peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(peer)| {
        peer.ip()
    })
}

async fn recognise(app: &App, headers: &HeaderMap, address: IpAddr) -> Result<Caller, Failure> {
    let Some(shown) = headers.get(header::AUTHORIZATION) else {
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
    let token = shown.to_str().ok().and_then(|shown| {
        let (scheme, token) = shown.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    if let Some((id, secret)) = token.and_then(Secret::read)
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
    let detail = "this token is wrong, has expired or was revoked";
    Err(Failure::new(Code::Unauthenticated, detail))
}
