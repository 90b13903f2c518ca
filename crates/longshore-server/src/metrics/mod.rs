//! `/metrics`, for Prometheus: what the process counted, and what the tables say.

mod http;
pub(crate) mod names;
mod shared;
mod tables;
mod text;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use metrics::gauge;

pub(crate) use self::http::measure;
pub use self::names::{OF_PROCESS, OF_TABLES};
pub(crate) use self::tables::Tables;
use crate::app::App;

/// The media type of the exposition format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where scrapes ask.
pub(crate) const PATH: &str = "/metrics";

/// What renders the metrics that the process collected; nothing, unless somebody installed what collects.
#[derive(Clone, Default)]
pub struct ProcessMetrics(Option<Arc<dyn Fn() -> String + Send + Sync>>);

impl ProcessMetrics {
    /// By this function, in the exposition format of Prometheus.
    pub fn by(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(render)))
    }

    fn render(&self) -> String {
        self.0.as_ref().map(|render| render()).unwrap_or_default()
    }

    /// As an answer.
    pub(crate) fn answer(&self) -> Response {
        as_text(self.render())
    }
}

impl fmt::Debug for ProcessMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_there = self.0.is_some();
        f.debug_tuple("ProcessMetrics").field(&is_there).finish()
    }
}

/// Begins to count what only a server does; once, after what collects it was installed.
pub fn begin() {
    // So that it is there before the first one.
    gauge!(names::HTTP_EVENT_STREAMS.name).set(0.0);
}

pub(crate) fn route() -> Router<Arc<App>> {
    Router::new().route(PATH, get(scrape))
}

/// Answers whatever becomes of the database: what the process counted is there, and that the database is not.
async fn scrape(State(app): State<Arc<App>>) -> Response {
    let of_tables = app.tables.text(&*app.store).await;
    as_text(app.options.metrics.render() + &of_tables)
}

fn as_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], text).into_response()
}
