//! The kinds of problems: words for programs, which never change their meaning.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong, for programs: these words never change their meaning.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The request can't be read: not JSON, a parameter of the wrong type, a header that is no text.
    BadRequest,
    /// A value is not allowed; `field` says which.
    Invalid,
    /// No token was shown where one is needed, or one that is good for nothing.
    Unauthenticated,
    /// The token's role may not do this.
    Forbidden,
    /// The request was sent by a page of another site, or under a name that is not the server's.
    BadOrigin,
    /// Too many wrong tokens came from this address: wait.
    TooManyFailures,
    /// There is nothing at this path.
    NotFound,
    /// There is something at this path, but not for this method.
    MethodNotAllowed,
    /// There is no such job.
    UnknownJob,
    /// There is no such attempt of this job.
    UnknownAttempt,
    /// The job has no result: it has not completed, or its standard output is not JSON of at most 64 KiB.
    NoResult,
    /// There is no such queue.
    UnknownQueue,
    /// There is no such template.
    UnknownTemplate,
    /// There is no such host.
    UnknownHost,
    /// There is no such worker.
    UnknownWorker,
    /// There is no such token.
    UnknownToken,
    /// There is no such webhook.
    UnknownWebhook,
    /// There is no such delivery of a webhook.
    UnknownDelivery,
    /// A queue of this name is there already.
    QueueExists,
    /// A good token of this name is there already.
    TokenExists,
    /// A webhook of this name is there already.
    WebhookExists,
    /// The idempotency key was used for another job.
    IdempotencyKeyReused,
    /// The job's state does not allow it.
    IllegalTransition,
    /// The request's body is larger than is taken.
    TooLarge,
    /// Requests that change something must be `application/json`.
    UnsupportedMediaType,
    /// The range that was asked for is behind the end.
    RangeNotSatisfiable,
    /// The request took too long to arrive.
    RequestTimeout,
    /// The database is busy: nothing was done, try again.
    Busy,
    /// The database can't be reached: what was asked may or may not have happened.
    Unavailable,
    /// The database can't write: it is full or only reads. Nothing was done.
    CannotWrite,
    /// The database's schema is not the server's.
    SchemaMismatch,
    /// A defect of the server.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 32] = [
        Self::BadRequest,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::BadOrigin,
        Self::TooManyFailures,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnknownJob,
        Self::UnknownAttempt,
        Self::NoResult,
        Self::UnknownQueue,
        Self::UnknownTemplate,
        Self::UnknownHost,
        Self::UnknownWorker,
        Self::UnknownToken,
        Self::UnknownWebhook,
        Self::UnknownDelivery,
        Self::QueueExists,
        Self::TokenExists,
        Self::WebhookExists,
        Self::IdempotencyKeyReused,
        Self::IllegalTransition,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::RangeNotSatisfiable,
        Self::RequestTimeout,
        Self::Busy,
        Self::Unavailable,
        Self::CannotWrite,
        Self::SchemaMismatch,
        Self::Internal,
    ];

    /// The HTTP status that it comes with.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden | Self::BadOrigin => 403,
            Self::NotFound
            | Self::UnknownJob
            | Self::UnknownAttempt
            | Self::NoResult
            | Self::UnknownQueue
            | Self::UnknownTemplate
            | Self::UnknownHost
            | Self::UnknownWorker
            | Self::UnknownToken
            | Self::UnknownWebhook
            | Self::UnknownDelivery => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::QueueExists
            | Self::TokenExists
            | Self::WebhookExists
            | Self::IdempotencyKeyReused
            | Self::IllegalTransition => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RangeNotSatisfiable => 416,
            Self::Invalid => 422,
            Self::TooManyFailures => 429,
            Self::Internal => 500,
            Self::Busy | Self::Unavailable | Self::CannotWrite | Self::SchemaMismatch => 503,
        }
    }

    /// What it means, in a few words that are the same every time.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "The request can't be read",
            Self::Invalid => "A value is not allowed",
            Self::Unauthenticated => "A token is needed",
            Self::Forbidden => "The role may not do this",
            Self::BadOrigin => "The request comes from elsewhere",
            Self::TooManyFailures => "Too many wrong tokens",
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "Not by this method",
            Self::UnknownJob => "There is no such job",
            Self::UnknownAttempt => "There is no such attempt",
            Self::NoResult => "The job has no result",
            Self::UnknownQueue => "There is no such queue",
            Self::UnknownTemplate => "There is no such template",
            Self::UnknownHost => "There is no such host",
            Self::UnknownWorker => "There is no such worker",
            Self::UnknownToken => "There is no such token",
            Self::UnknownWebhook => "There is no such webhook",
            Self::UnknownDelivery => "There is no such delivery",
            Self::QueueExists => "The queue exists already",
            Self::TokenExists => "The token exists already",
            Self::WebhookExists => "The webhook exists already",
            Self::IdempotencyKeyReused => "The key was used for another job",
            Self::IllegalTransition => "The job's state does not allow it",
            Self::TooLarge => "The request is too large",
            Self::UnsupportedMediaType => "The request must be JSON",
            Self::RangeNotSatisfiable => "The range is behind the end",
            Self::RequestTimeout => "The request took too long",
            Self::Busy => "The database is busy",
            Self::Unavailable => "The database can't be reached",
            Self::CannotWrite => "The database can't write",
            Self::SchemaMismatch => "The database is of another version",
            Self::Internal => "The server failed",
        }
    }

    /// The code's name in JSON.
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const REFERENCE: &str = include_str!("../../../../docs/http.md");

    /// Rows of the table of errors: statuses, and between backticks the codes that come with them.
    fn documented() -> BTreeMap<String, Vec<u16>> {
        let (_, errors) = REFERENCE.split_once("| status | codes |").expect("a table");
        let (errors, _) = errors.split_once("\n\n").expect("it ends");
        let mut found: BTreeMap<String, Vec<u16>> = BTreeMap::new();
        for row in errors.lines().skip(2) {
            let (statuses, codes) = row.trim_matches('|').split_once('|').expect("two cells");
            let statuses = statuses.split(',').map(|status| status.trim().parse());
            let statuses: Vec<u16> = statuses.collect::<Result<_, _>>().expect("statuses");
            let words = codes.split('`').skip(1).step_by(2);
            // `field` is what one of them comes with.
            for code in words.filter(|word| *word != "field") {
                found.insert(code.to_owned(), statuses.clone());
            }
        }
        found
    }

    #[test]
    fn the_reference_has_every_code_with_its_status_and_no_other() {
        let documented = documented();
        for code in Code::ALL {
            let statuses = documented.get(&code.as_str());
            let statuses = statuses.unwrap_or_else(|| panic!("{code:?} is not documented"));
            assert!(statuses.contains(&code.status()), "{code:?} {statuses:?}");
        }
        assert_eq!(documented.len(), Code::ALL.len());
    }
}
