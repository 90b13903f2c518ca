//! Writes down what was done, or refused, and by whom.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_client::api::{Code, PREFIX};
use longshore_core::access::AuditNote;

use super::caller::Caller;
use super::guard::changes_something;
use crate::app::App;
use crate::error::Failure;

/// What a handler says that it was done to, where the path does not tell.
#[derive(Clone, Debug)]
pub(crate) struct Subject(pub String);

/// Writes a line for every request that may change something. Such a request is done to its end though
/// its caller goes away, so that nothing is done that is not written down.
pub(crate) async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let caller = request.extensions().get::<Caller>();
    let (Some(route), Some(caller), true) = (route, caller, changes_something(request.method()))
    else {
        return next.run(request).await;
    };
    let action = app.operations.name(request.method(), route.as_str());
    if !app.operations.changes_something(&action) {
        return next.run(request).await;
    }
    let mut line = AuditNote {
        who: caller.name.clone(),
        token: caller.token,
        address: caller.address.to_string(),
        action,
        subject: subject_of(request.uri().path()),
        status: 0,
    };
    let whole = async move {
        let response = next.run(request).await;
        if let Some(Subject(subject)) = response.extensions().get() {
            line.subject.clone_from(subject);
        }
        line.status = response.status().as_u16();
        if let Err(error) = app.store.note_audit(std::slice::from_ref(&line)).await {
            tracing::error!(%error, ?line, "a line of the audit log could not be written");
        }
        response
    };
    tokio::spawn(whole).await.unwrap_or_else(|_panicked| {
        Failure::new(Code::Internal, "the server failed; its log says more").into_response()
    })
}

/// `jobs 12` of `/api/v1/jobs/12/cancel`.
fn subject_of(path: &str) -> String {
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .take(2)
        .collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_the_path_names() {
        assert_eq!(subject_of("/api/v1/jobs/12/cancel"), "jobs 12");
        assert_eq!(subject_of("/api/v1/queues/default"), "queues default");
        assert_eq!(subject_of("/api/v1/jobs"), "jobs");
    }
}
