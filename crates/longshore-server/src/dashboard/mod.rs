//! Pages for people, made on the server from the same values as the API's answers.
//!
//! A page is readable as it comes; a script brings it up to date when a job came into another state, by
//! fetching the same page again. So there is one way in which a page is made, and nothing that only a script
//! knows. `docs/design-language.md` says how pages look, ADR 0011 why they are made so.

mod acting;
mod assets;
mod bulk;
mod confirm;
mod finding;
mod host;
mod hosts;
mod job;
mod jobs;
mod log;
mod login;
mod overview;
mod page;
mod paint;
mod pulse;
mod queue;
mod queues;
mod scheduled;
pub(crate) mod session;
mod submit;
mod usage;
mod webhooks;
mod which;
mod words;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::access::audit;
use crate::app::App;

pub(crate) use page::missing;
pub(crate) use pulse::Pulse;

/// A form is a token, a button or a job that somebody typed, in bytes.
const LARGEST_FORM: usize = 64 * 1024;

/// Every page, and what their forms ask for.
pub(crate) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/", get(overview::show))
        .route("/jobs", get(jobs::show))
        .route("/jobs/bulk", get(bulk::ask).post(bulk::act))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/log", get(log::follow))
        .route("/jobs/{id}/{action}", get(acting::ask).post(acting::act))
        .route("/submit", get(submit::show).post(submit::submit))
        .route("/scheduled", get(scheduled::show))
        .route("/queues", get(queues::show).post(queues::create))
        .route("/queues/{name}", get(queue::show).post(queue::change))
        .route("/queues/{name}/{action}", post(queue::act))
        .route("/workers", get(workers::show))
        .route(
            "/workers/{id}/drain",
            get(workers::ask).post(workers::drain),
        )
        .route("/hosts", get(hosts::show))
        .route("/hosts/{id}", get(host::show).post(host::change))
        .route("/hosts/{id}/{action}", get(host::ask).post(host::act))
        .route("/webhooks", get(webhooks::show))
        .route("/webhooks/{id}/{action}", post(webhooks::switch))
        .route("/webhooks/deliveries/{id}/send", post(webhooks::send))
        .layer(from_fn_with_state(Arc::clone(app), audit::note))
        .layer(from_fn_with_state(Arc::clone(app), session::find));
    Router::new()
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .merge(pages)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn_with_state(Arc::clone(app), page::guard))
        .merge(assets::routes())
}
