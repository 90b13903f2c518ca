//! Which role an operation needs.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::Code;
use longshore_core::access::Role;

use super::caller::Caller;
use crate::error::Failure;

impl Caller {
    /// Refuses what the caller's role may not do.
    pub fn needs(&self, role: Role, what: &str) -> Result<(), Failure> {
        if self.role.may(role) {
            return Ok(());
        }
        let (name, own) = (&self.name, self.role);
        let detail = format!("{what} needs the role {role}; {name} has {own}");
        Err(Failure::new(Code::Forbidden, detail))
    }
}

/// Lets requests pass whose caller may do what this role may.
pub(crate) async fn reader(request: Request, next: Next) -> Response {
    pass(Role::Reader, request, next).await
}

/// As [`reader`].
pub(crate) async fn submitter(request: Request, next: Next) -> Response {
    pass(Role::Submitter, request, next).await
}

/// As [`reader`].
pub(crate) async fn operator(request: Request, next: Next) -> Response {
    pass(Role::Operator, request, next).await
}

/// As [`reader`].
pub(crate) async fn admin(request: Request, next: Next) -> Response {
    pass(Role::Admin, request, next).await
}

async fn pass(role: Role, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>();
    let allowed = match caller {
        Some(caller) => caller.needs(role, "this"),
        None => Err(unknown()),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

fn unknown() -> Failure {
    Failure::new(Code::Unauthenticated, "nobody knows who asks")
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unknown)
    }
}
