//! The operations, a file for each kind of thing.
//!
//! Each handler stands beside its description; the groups below say which role it takes.

mod about;
mod actions;
mod bulk;
mod changes;
mod following;
mod hosts;
mod jobs;
mod output;
mod queues;
mod result;
mod submit;
mod templates;
mod tokens;
mod upkeep;
mod webhooks;
mod workers;

use std::sync::Arc;

use axum::middleware::from_fn;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::may;
use crate::app::App;

pub(crate) use bulk::{each, one_page, priority_of, within_reach};
pub(crate) use following::{KEEP_ALIVE, listen};
pub(crate) use result::of as result_of;
pub(crate) use submit::{again, submit};

type Routes = OpenApiRouter<Arc<App>>;

/// Every operation of the API.
pub(crate) fn all() -> Routes {
    let routes = for_readers()
        .merge(for_submitters())
        .merge(for_operators())
        .merge(for_admins());
    OpenApiRouter::new().nest(longshore_client::api::PREFIX, routes)
}

/// The operations that change nothing.
pub(crate) fn reads() -> OpenApi {
    let (_, document) = for_readers().split_for_parts();
    document
}

fn for_readers() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(about::about))
        .routes(routes!(about::who_am_i))
        .routes(routes!(about::stats))
        .routes(routes!(about::ended_by_minute))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::next_due))
        .routes(routes!(jobs::show_job))
        .routes(routes!(jobs::job_usage))
        .routes(routes!(jobs::states))
        .routes(routes!(output::read_output))
        .routes(routes!(output::stdout))
        .routes(routes!(following::follow_output))
        .routes(routes!(output::stderr))
        .routes(routes!(changes::list_changes))
        .routes(routes!(changes::follow_changes))
        .routes(routes!(result::result))
        .routes(routes!(queues::list_queues))
        .routes(routes!(queues::show_queue))
        .routes(routes!(workers::list_workers))
        .routes(routes!(hosts::list_hosts))
        .routes(routes!(hosts::show_host))
        .routes(routes!(templates::list_templates))
        .routes(routes!(webhooks::list_deliveries))
        .route_layer(from_fn(may::reader))
}

fn for_submitters() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(submit::submit_job))
        .routes(routes!(submit::submit_jobs))
        .routes(routes!(submit::requeue_job))
        .routes(routes!(actions::cancel_job))
        .routes(routes!(actions::retry_job))
        .routes(routes!(actions::hold_job))
        .routes(routes!(actions::release_job))
        .routes(routes!(actions::set_priority))
        .route_layer(from_fn(may::submitter))
}

fn for_operators() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(bulk::bulk))
        .routes(routes!(queues::create_queue))
        .routes(routes!(queues::change_queue))
        .routes(routes!(workers::drain_worker))
        .routes(routes!(hosts::change_host))
        .routes(routes!(hosts::forget_host))
        .routes(routes!(templates::show_template))
        .routes(routes!(templates::save_template))
        .routes(routes!(upkeep::prune))
        .routes(routes!(upkeep::findings))
        .routes(routes!(upkeep::breaches))
        .routes(routes!(webhooks::list_webhooks))
        .routes(routes!(webhooks::send_again))
        .route_layer(from_fn(may::operator))
}

fn for_admins() -> Routes {
    OpenApiRouter::new()
        .routes(routes!(tokens::list_tokens))
        .routes(routes!(tokens::create_token))
        .routes(routes!(tokens::revoke_token))
        .routes(routes!(tokens::audit_log))
        .routes(routes!(webhooks::create_webhook))
        .routes(routes!(webhooks::switch_webhook))
        .routes(routes!(webhooks::delete_webhook))
        .route_layer(from_fn(may::admin))
}
