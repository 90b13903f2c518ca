//! What an error looks like: problem+json (RFC 9457) with a stable code, and a store's error both ways.

use longshore_core::access::ApiTokenId;
use longshore_core::spec::FieldError;
use longshore_core::state::{Event, IllegalTransition};
use longshore_core::store::{Contention, StoreError};
use longshore_core::webhook::{DeliveryId, WebhookId};
use longshore_core::{JobId, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Code;

/// An error: `application/problem+json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI of its kind: `urn:longshore:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its kind in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Its kind, for programs.
    pub code: Code,
    /// What went wrong this time, and what to do next, for people.
    pub detail: String,
    /// The field or parameter that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The job that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The state that the job is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// What was asked of the job, after "cannot".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The name that is not known, or is taken; the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The nearest name, or what names there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:longshore:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            field: None,
            job: None,
            state: None,
            asked: None,
            name: None,
            hint: None,
        }
    }

    /// A value that is not allowed.
    pub fn invalid(error: &FieldError) -> Self {
        Self {
            field: Some(error.field.clone()),
            hint: Some(error.problem.clone()),
            ..Self::new(Code::Invalid, error.to_string())
        }
    }

    /// The store's error, for the caller: nothing of what a driver said.
    pub fn of(error: &StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::Contended { contention, .. } => Self {
                name: Some(contention.as_str().to_owned()),
                ..Self::new(Code::Busy, detail)
            },
            StoreError::Unavailable { .. } => Self::new(Code::Unavailable, detail),
            StoreError::CannotWrite { problem, .. } => Self {
                hint: Some(problem.clone()),
                ..Self::new(Code::CannotWrite, detail)
            },
            StoreError::SchemaTooNew { .. } | StoreError::SchemaTooOld { .. } => {
                Self::new(Code::SchemaMismatch, detail)
            }
            StoreError::UnknownJob(job) => Self {
                job: Some(*job),
                ..Self::new(Code::UnknownJob, detail)
            },
            StoreError::UnknownQueue { name, hint } => Self {
                name: Some(name.clone()),
                hint: Some(hint.clone()),
                ..Self::new(Code::UnknownQueue, detail)
            },
            StoreError::UnknownTemplate { name, hint } => Self {
                name: Some(name.clone()),
                hint: Some(hint.clone()),
                ..Self::new(Code::UnknownTemplate, detail)
            },
            StoreError::QueueExists(name) => Self {
                name: Some(name.clone()),
                ..Self::new(Code::QueueExists, detail)
            },
            StoreError::TokenExists(name) => Self {
                name: Some(name.clone()),
                ..Self::new(Code::TokenExists, detail)
            },
            StoreError::UnknownToken(token) => Self {
                name: Some(token.to_string()),
                ..Self::new(Code::UnknownToken, detail)
            },
            StoreError::WebhookExists(name) => Self {
                name: Some(name.clone()),
                ..Self::new(Code::WebhookExists, detail)
            },
            StoreError::UnknownWebhook(webhook) => Self {
                name: Some(webhook.to_string()),
                ..Self::new(Code::UnknownWebhook, detail)
            },
            StoreError::UnknownDelivery(delivery) => Self {
                name: Some(delivery.to_string()),
                ..Self::new(Code::UnknownDelivery, detail)
            },
            StoreError::IdempotencyKeyReused { key, job } => Self {
                job: Some(*job),
                name: Some(key.clone()),
                ..Self::new(Code::IdempotencyKeyReused, detail)
            },
            StoreError::Illegal { job, illegal } => Self {
                job: Some(*job),
                state: Some(illegal.state),
                asked: Some(illegal.event.to_string()),
                ..Self::new(Code::IllegalTransition, detail)
            },
            StoreError::Invalid(error) => Self::invalid(error),
            StoreError::Denied { .. } => Self::new(Code::Forbidden, detail),
            // The rest is nobody's business outside: it stands in the server's log.
            _ => Self::new(Code::Internal, "the server failed; its log says more"),
        }
    }

    /// The store's error that it was made of, for a caller whose verb this is.
    pub fn into_error(self, verb: &'static str) -> StoreError {
        let name = || self.name.clone().unwrap_or_default();
        let hint = || self.hint.clone().unwrap_or_default();
        match self.code {
            Code::Busy => StoreError::Contended {
                verb,
                contention: contention(&name()),
                source: self.detail.into(),
            },
            Code::Unavailable => StoreError::Unavailable {
                verb,
                source: "the server can't reach its database".into(),
            },
            Code::CannotWrite => StoreError::CannotWrite {
                verb,
                problem: hint(),
                source: self.detail.into(),
            },
            Code::UnknownJob if self.job.is_some() => {
                StoreError::UnknownJob(self.job.unwrap_or(JobId(0)))
            }
            Code::UnknownQueue => StoreError::UnknownQueue {
                name: name(),
                hint: hint(),
            },
            Code::UnknownTemplate => StoreError::UnknownTemplate {
                name: name(),
                hint: hint(),
            },
            Code::QueueExists => StoreError::QueueExists(name()),
            Code::TokenExists => StoreError::TokenExists(name()),
            Code::UnknownToken => {
                StoreError::UnknownToken(ApiTokenId(name().parse().unwrap_or_default()))
            }
            Code::WebhookExists => StoreError::WebhookExists(name()),
            Code::UnknownWebhook => {
                StoreError::UnknownWebhook(WebhookId(name().parse().unwrap_or_default()))
            }
            Code::UnknownDelivery => {
                StoreError::UnknownDelivery(DeliveryId(name().parse().unwrap_or_default()))
            }
            Code::IdempotencyKeyReused => StoreError::IdempotencyKeyReused {
                key: name(),
                job: self.job.unwrap_or(JobId(0)),
            },
            Code::IllegalTransition => match (self.job, self.state, event(self.asked.as_deref())) {
                (Some(job), Some(state), Some(event)) => StoreError::Illegal {
                    job,
                    illegal: IllegalTransition { state, event },
                },
                _ => StoreError::Denied {
                    verb,
                    reason: self.detail,
                },
            },
            Code::Invalid | Code::UnknownHost | Code::UnknownWorker | Code::UnknownAttempt
                if self.field.is_some() =>
            {
                let field = self.field.clone().unwrap_or_default();
                StoreError::Invalid(FieldError::new(field, hint()))
            }
            Code::Internal => StoreError::unexpected(verb, self.detail),
            Code::SchemaMismatch => StoreError::Unavailable {
                verb,
                source: self.detail.into(),
            },
            _ => StoreError::Denied {
                verb,
                reason: self.detail,
            },
        }
    }
}

fn contention(name: &str) -> Contention {
    let all = [
        Contention::Deadlock,
        Contention::SerializationFailure,
        Contention::LockTimeout,
        Contention::Busy,
    ];
    let known = all.into_iter().find(|kind| kind.as_str() == name);
    known.unwrap_or(Contention::Busy)
}

fn event(asked: Option<&str>) -> Option<Event> {
    let asked = asked?;
    Event::ALL
        .into_iter()
        .find(|event| event.to_string() == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors() -> Vec<StoreError> {
        let source = || "connection refused by 10.0.0.7".into();
        let text = str::to_owned;
        vec![
            StoreError::Contended {
                verb: "submit",
                contention: Contention::Deadlock,
                source: source(),
            },
            StoreError::Unavailable {
                verb: "submit",
                source: source(),
            },
            StoreError::CannotWrite {
                verb: "submit",
                problem: text("the disk is full"),
                source: source(),
            },
            StoreError::UnknownJob(JobId(7)),
            StoreError::UnknownQueue {
                name: text("gpus"),
                hint: text("did you mean \"gpu\"?"),
            },
            StoreError::UnknownTemplate {
                name: text("bsae"),
                hint: text("did you mean \"base\"?"),
            },
            StoreError::QueueExists(text("gpu")),
            StoreError::TokenExists(text("ci")),
            StoreError::UnknownToken(ApiTokenId(12)),
            StoreError::WebhookExists(text("ci")),
            StoreError::UnknownWebhook(WebhookId(12)),
            StoreError::UnknownDelivery(DeliveryId(12)),
            StoreError::IdempotencyKeyReused {
                key: text("nightly"),
                job: JobId(3),
            },
            StoreError::Illegal {
                job: JobId(3),
                illegal: IllegalTransition {
                    state: State::Completed,
                    event: Event::RetryNow,
                },
            },
            StoreError::Invalid(FieldError::new("env.A", "must not hold a NUL character")),
        ]
    }

    #[test]
    fn a_stores_error_comes_through_http_as_the_same_error() {
        for error in errors() {
            let json = serde_json::to_string(&Problem::of(&error)).expect("JSON");
            let problem: Problem = serde_json::from_str(&json).expect("a problem");
            let again = problem.into_error("submit");
            assert_eq!(again.to_string(), error.to_string());
            assert_eq!(again.is_systems_fault(), error.is_systems_fault());
            assert_eq!(again.is_transient(), error.is_transient());
        }
    }

    #[test]
    fn nothing_of_what_a_driver_said_is_told() {
        for error in errors() {
            let json = serde_json::to_string(&Problem::of(&error)).expect("JSON");
            assert!(!json.contains("10.0.0.7"), "{json}");
        }
        let error = StoreError::unexpected("submit", "relation secret_table does not exist");
        let json = serde_json::to_string(&Problem::of(&error)).expect("JSON");
        assert!(!json.contains("secret_table"), "{json}");
    }
}
