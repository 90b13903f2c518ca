//! What every request is answered with, and the router of all routes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use longshore_core::access::Role;
use longshore_core::store::Store;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use crate::access::failures::Failures;
use crate::access::uses::Uses;
use crate::access::{audit, caller, guard, may};
use crate::extract::room_for_bodies;
use crate::metrics::{ProcessMetrics, Tables, measure};
use crate::streams::Streams;
use crate::webhooks::Sender;
use crate::{dashboard, error, health, metrics, openapi, routes};

/// Who may speak to a server without a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Whoever reaches it, as if by a token of this role: for loopback.
    Open(Role),
    /// Nobody.
    Tokens,
}

/// Which webhooks a server tells of changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Webhooks {
    /// Those at addresses that the public internet reaches: whoever makes a webhook must not reach by it
    /// what only the server's own network does.
    Public,
    /// Any.
    Any,
    /// None: others do.
    None,
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who may speak to it without a token.
    pub access: Access,
    /// The names by which it may be called (the `Host` of a request, without its port); none means any.
    /// A page of another site can have its own name lead here: the name tells.
    pub names: Option<BTreeSet<String>>,
    /// The largest body of a request, in bytes.
    pub max_body: usize,
    /// How long a request may take to arrive, once with its head and once with its body.
    pub arrival: Duration,
    /// How many wrong tokens of one address within a minute are looked at.
    pub failures_per_minute: u32,
    /// Whether browsers reach it by TLS, its own or a proxy's: then its cookies go over nothing else.
    pub is_encrypted: bool,
    /// Which webhooks it tells of changes.
    pub webhooks: Webhooks,
    /// What of the process itself a scrape shows, beside what the tables say.
    pub metrics: ProcessMetrics,
}

impl Options {
    /// For a server on loopback: open to submitters, known by loopback's names.
    pub fn loopback() -> Self {
        let names = ["localhost", "127.0.0.1", "[::1]"];
        Self {
            access: Access::Open(Role::Submitter),
            names: Some(names.map(str::to_owned).into()),
            ..Self::by_tokens()
        }
    }

    /// For a server that others reach: by tokens alone, under any name.
    pub fn by_tokens() -> Self {
        Self {
            access: Access::Tokens,
            names: None,
            max_body: 16 * 1024 * 1024,
            arrival: Duration::from_secs(30),
            failures_per_minute: 10,
            is_encrypted: false,
            webhooks: Webhooks::Public,
            metrics: ProcessMetrics::default(),
        }
    }
}

/// What every request is answered with.
pub(crate) struct App {
    pub store: Arc<dyn Store>,
    pub options: Options,
    pub failures: Failures,
    pub uses: Uses,
    pub streams: Streams,
    /// Room for the bodies of all requests.
    pub bodies: Arc<Semaphore>,
    pub tables: Tables,
    pub pulse: dashboard::Pulse,
    /// What sends deliveries of webhooks.
    pub webhooks: Arc<Sender>,
    pub document: OpenApi,
    /// From a method and a route to the operation's name, for the audit log.
    pub operations: openapi::Operations,
}

/// The router of all routes.
pub(crate) fn router(store: Arc<dyn Store>, options: Options) -> (Router, Arc<App>) {
    let (api, document) = routes::all().split_for_parts();
    let document = openapi::finished(document);
    let app = Arc::new(App {
        failures: Failures::new(options.failures_per_minute),
        uses: Uses::default(),
        tables: Tables::default(),
        pulse: dashboard::Pulse::default(),
        webhooks: Arc::new(Sender::new(options.webhooks != Webhooks::Public)),
        operations: openapi::Operations::of(&document, &routes::reads()),
        streams: Streams::new(&store),
        bodies: room_for_bodies(),
        store,
        document,
        options,
    });
    let max_body = app.options.max_body;
    let router = api
        .merge(metrics::route().route_layer(from_fn(may::reader)))
        .layer(from_fn_with_state(Arc::clone(&app), audit::note))
        .layer(from_fn_with_state(Arc::clone(&app), caller::find))
        .merge(openapi::route())
        .merge(openapi::page())
        .merge(dashboard::routes(&app))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard::look))
        // Whoever probes knows the server by its address, and learns nothing of jobs.
        .merge(health::routes())
        .layer(DefaultBodyLimit::max(max_body))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(measure))
        .with_state(Arc::clone(&app));
    (router, app)
}
