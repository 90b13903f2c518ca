//! Tokens, and the audit log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{AuditPage, AuditQuery, MadeToken, NewToken, Problem};
use longshore_core::access::{ApiToken, ApiTokenId, NewApiToken};
use longshore_core::spec::{FieldError, Timeout};

use crate::access::audit::Subject;
use crate::access::secret::Secret;
use crate::app::App;
use crate::error::Answer;
use crate::extract::{Asked, Named, Said};

/// List tokens, newest first, without their secrets
#[utoipa::path(get, path = "/tokens", tag = "access",
    responses((status = 200, body = Vec<ApiToken>), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list_tokens(State(app): State<Arc<App>>) -> Answer<Json<Vec<ApiToken>>> {
    Ok(Json(app.store.tokens().await?))
}

/// Make a token
///
/// Its secret stands in this answer and nowhere else.
#[utoipa::path(post, path = "/tokens", tag = "access", request_body = NewToken,
    responses((status = 201, body = MadeToken), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn create_token(
    State(app): State<Arc<App>>,
    Said(asked, ..): Said<NewToken>,
) -> Answer<Response> {
    let secret = Secret::draw();
    let new = NewApiToken {
        name: asked.name,
        role: asked.role,
        hash: secret.hash(),
        lifetime: asked.lifetime.and_then(Timeout::limit),
    };
    let token = app.store.create_token(&new).await?;
    let subject = Subject(format!("token {} {}", token.id, token.name));
    let secret = secret.token(token.id);
    let mut response = (StatusCode::CREATED, Json(MadeToken { token, secret })).into_response();
    response.extensions_mut().insert(subject);
    Ok(response)
}

/// Make a token good for nothing, from now on
#[utoipa::path(delete, path = "/tokens/{id}", tag = "access", params(("id" = ApiTokenId, Path, description = "The token's number")),
    responses((status = 200, body = ApiToken), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn revoke_token(
    State(app): State<Arc<App>>,
    Named(id): Named<ApiTokenId>,
) -> Answer<Json<ApiToken>> {
    Ok(Json(app.store.revoke_token(id).await?))
}

/// What was done and refused, and by whom; newest first
#[utoipa::path(get, path = "/audit", tag = "access", params(AuditQuery),
    responses((status = 200, body = AuditPage), (status = "default", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn audit_log(
    State(app): State<Arc<App>>,
    Asked(query): Asked<AuditQuery>,
) -> Answer<Json<AuditPage>> {
    let limit = query.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(FieldError::new("limit", "must be from 1 to 1000").into());
    }
    let entries = app.store.audit_log(query.before, limit).await?;
    let is_full = entries.len() as u64 >= u64::from(limit);
    let next = entries.last().filter(|_| is_full).map(|entry| entry.id);
    Ok(Json(AuditPage { entries, next }))
}
