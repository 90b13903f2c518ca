//! A server for probes and scrapes alone, of a process that serves nothing else: a worker.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use futures_util::future::BoxFuture;

use crate::metrics::{self, ProcessMetrics};
use crate::{error, health};

type Reasons = BoxFuture<'static, Vec<String>>;

/// What probes are answered with.
pub struct Probes {
    unready: Box<dyn Fn() -> Reasons + Send + Sync>,
    metrics: ProcessMetrics,
}

impl Probes {
    /// `unready` says why the process can't do its work, as far as it can't; nothing when it can. It
    /// answers within a few seconds, whatever it asks.
    pub fn new<Asked: Future<Output = Vec<String>> + Send + 'static>(
        unready: impl Fn() -> Asked + Send + Sync + 'static,
        metrics: ProcessMetrics,
    ) -> Self {
        Self {
            unready: Box::new(move || Box::pin(unready())),
            metrics,
        }
    }
}

/// Open to whoever reaches it: it says how many jobs there are, never which.
pub(crate) fn router(probes: Probes) -> Router {
    Router::new()
        .route("/healthz", get(health::lives))
        .route("/readyz", get(is_ready))
        .route(metrics::PATH, get(scrape))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(Arc::new(probes))
}

async fn is_ready(State(probes): State<Arc<Probes>>) -> Response {
    health::answer((probes.unready)().await)
}

async fn scrape(State(probes): State<Arc<Probes>>) -> Response {
    probes.metrics.answer()
}
