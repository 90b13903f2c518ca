//! The API's description (`OpenAPI` 3.1), made from the handlers and types themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::http::Method;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, PathItem, RefOr};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;
use crate::routes;

const ABOUT: &str = "Longshore is a durable queue for container jobs.\n\n\
    Requests that change something are `application/json`, and `{}` where nothing is to be said. Errors are \
    `application/problem+json` (RFC 9457) with a stable `code`. A request that may be repeated, because \
    its answer was lost, says so with `Idempotency-Key`.";

const BEARER: &str = "token";

/// The API's description.
pub fn document() -> OpenApi {
    let (_, document) = routes::all().split_for_parts();
    finished(document)
}

/// What no handler says of itself.
pub(crate) fn finished(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Longshore")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ))
        .build();
    let tags = [
        (
            "jobs",
            "Submitting jobs, looking at them, and what is asked of them",
        ),
        ("output", "What jobs wrote"),
        ("changes", "Jobs as they come into other states"),
        ("queues", "Queues and their limits"),
        ("workers", "Worker processes"),
        ("hosts", "Machines and engines that jobs run on"),
        ("templates", "Environment variables that jobs share"),
        ("webhooks", "Who is told of changes over HTTP"),
        ("system", "The server and its database"),
        ("access", "Tokens, and who did what"),
    ];
    let tags = tags.map(|(name, about)| {
        TagBuilder::new()
            .name(name)
            .description(Some(about))
            .build()
    });
    document.tags = Some(tags.into());
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(BEARER, bearer);
    for item in document.paths.paths.values_mut() {
        describe_answers(item);
    }
    let none: [&str; 0] = [];
    // Also without: a server on loopback may be open.
    document.security = Some(vec![
        SecurityRequirement::new(BEARER, none),
        SecurityRequirement::default(),
    ]);
    document
}

/// `OpenAPI` asks for a description of every answer; most are told by their types.
fn describe_answers(item: &mut PathItem) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    for operation in operations.into_iter().flatten() {
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && response.description.is_empty()
            {
                let said = match status.as_str() {
                    "default" => "A problem: what went wrong, with a stable code",
                    _ => "What was asked for",
                };
                said.clone_into(&mut response.description);
            }
        }
    }
}

/// Where the document stands.
const DOCUMENT: &str = "/api/v1/openapi.json";

/// The document itself.
pub(crate) fn route() -> Router<Arc<App>> {
    let document = async |State(app): State<Arc<App>>| Json(app.document.clone());
    Router::new().route(DOCUMENT, get(document))
}

/// A page that shows it, from files that the binary holds: nothing is fetched from elsewhere.
pub(crate) fn page() -> Router<Arc<App>> {
    let shown = Config::from(DOCUMENT).validator_url("none");
    SwaggerUi::new("/docs").config(shown).into()
}

/// From a method and a route to the operation's name, and whether it changes something.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    names: BTreeMap<(String, String), String>,
    /// The names of those that change nothing: a question may be too long for an address, and be a POST.
    reads: BTreeSet<String>,
}

impl Operations {
    /// Of the whole API, of which `reads` change nothing.
    pub fn of(document: &OpenApi, reads: &OpenApi) -> Self {
        let reads = all_of(reads).filter_map(|(.., operation)| operation.operation_id.clone());
        let names = all_of(document).filter_map(|(method, route, operation)| {
            let name = operation.operation_id.clone()?;
            Some(((method.to_owned(), route.to_owned()), name))
        });
        Self {
            names: names.collect(),
            reads: reads.collect(),
        }
    }

    /// The operation's name, or the method and route where there is none.
    pub fn name(&self, method: &Method, route: &str) -> String {
        let key = (method.as_str().to_owned(), route.to_owned());
        match self.names.get(&key) {
            Some(name) => name.clone(),
            None => format!("{method} {route}"),
        }
    }

    /// Whether the operation of this name may change something.
    pub fn changes_something(&self, name: &str) -> bool {
        !self.reads.contains(name)
    }
}

/// Every operation, with its method and route.
fn all_of(document: &OpenApi) -> impl Iterator<Item = (&'static str, &str, &Operation)> {
    let items = document.paths.paths.iter();
    items.flat_map(|(route, item)| {
        operations_of(item).map(move |(method, operation)| (method, route.as_str(), operation))
    })
}

fn operations_of(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by `LONGSHORE_WRITE_OPENAPI=1 cargo test -p longshore-server`, and looked at.
    #[test]
    fn the_description_is_as_it_is_kept() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let mut now = document().to_pretty_json().expect("JSON");
        now.push('\n');
        if std::env::var_os("LONGSHORE_WRITE_OPENAPI").is_some() {
            std::fs::write(path, &now).expect("the folder can be written");
        }
        let kept = std::fs::read_to_string(path).expect("it is kept");
        assert!(kept == now, "docs/openapi.json is not what the code says");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_an_answer_for_errors() {
        let document = document();
        let mut names = BTreeSet::new();
        for (method, route, operation) in all_of(&document) {
            let name = operation.operation_id.clone().expect("a name");
            assert!(names.insert(name), "{method} {route}");
            assert!(operation.summary.is_some(), "{method} {route}");
            let responses = &operation.responses.responses;
            assert!(responses.contains_key("default"), "{method} {route}");
        }
        assert!(names.len() > 30, "{names:?}");
    }
}
