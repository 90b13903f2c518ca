//! Environment templates.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use longshore_client::api::{Problem, TemplateBody, TemplateSummary};
use longshore_core::store::StoreError;
use longshore_core::template::Template;

use crate::app::App;
use crate::error::Answer;
use crate::extract::{Named, Said};

/// List templates, by name, without their values
#[utoipa::path(get, path = "/templates", tag = "templates",
    responses((status = 200, body = Vec<TemplateSummary>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_templates(
    State(app): State<Arc<App>>,
) -> Answer<Json<Vec<TemplateSummary>>> {
    let templates = app.store.templates().await?;
    Ok(Json(templates.iter().map(TemplateSummary::of).collect()))
}

/// Show the newest version of a template, values and all
#[utoipa::path(get, path = "/templates/{name}", tag = "templates", params(("name" = String, Path, description = "The template's name")),
    responses((status = 200, body = Template), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn show_template(
    State(app): State<Arc<App>>,
    Named(name): Named<String>,
) -> Answer<Json<Template>> {
    let found = app.store.templates_named(&[name]).await?;
    let template = found.into_iter().next();
    let missing = || StoreError::unexpected("read the template", "one name, one template");
    Ok(Json(template.ok_or_else(missing)?))
}

/// Save a template as a new version
///
/// The same body as the newest version makes none.
#[utoipa::path(put, path = "/templates/{name}", tag = "templates", params(("name" = String, Path, description = "The template's name")), request_body = TemplateBody,
    responses((status = 200, body = Template), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn save_template(
    State(app): State<Arc<App>>,
    Named(name): Named<String>,
    Said(said, ..): Said<TemplateBody>,
) -> Answer<Json<Template>> {
    Ok(Json(app.store.save_template(&name, &said.body).await?))
}
