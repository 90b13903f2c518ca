//! Why a store verb failed. Each back end maps its driver's errors to these in one file.

use crate::access::ApiTokenId;
use crate::ids::JobId;
use crate::spec::FieldError;
use crate::state::IllegalTransition;
use crate::webhook::{DeliveryId, WebhookId};

/// What a transaction collided with. It was rolled back whole, so it can be repeated as it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Contention {
    /// `PostgreSQL` 40P01.
    Deadlock,
    /// `PostgreSQL` 40001.
    SerializationFailure,
    /// `PostgreSQL` 55P03.
    LockTimeout,
    /// `SQLITE_BUSY` and its kin.
    Busy,
}

impl Contention {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [
        Self::Deadlock,
        Self::SerializationFailure,
        Self::LockTimeout,
        Self::Busy,
    ];

    /// The name under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deadlock => "deadlock",
            Self::SerializationFailure => "serialization_failure",
            Self::LockTimeout => "lock_timeout",
            Self::Busy => "busy",
        }
    }
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a store verb failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The transaction collided with another and was rolled back: repeat it.
    #[error("{verb}: the database was busy ({})", contention.as_str())]
    Contended {
        /// The verb.
        verb: &'static str,
        /// With what it collided.
        contention: Contention,
        /// The driver's error.
        #[source]
        source: Source,
    },
    /// The database can't be reached, or went away in the middle: what was asked may or may not
    /// have happened.
    #[error("{verb}: the database can't be reached; is it running, and is the address right?")]
    Unavailable {
        /// The verb.
        verb: &'static str,
        /// The driver's error.
        #[source]
        source: Source,
    },
    /// The server before the database can't be reached, or went away in the middle: what was asked may or
    /// may not have happened.
    #[error("{verb}: the server can't be reached; is it running, and is the address right?")]
    ServerUnavailable {
        /// The verb.
        verb: &'static str,
        /// What went wrong on the way.
        #[source]
        source: Source,
    },
    /// No space is left, or the database only reads. Nothing was written.
    #[error("{verb}: the database can't write: {problem}")]
    CannotWrite {
        /// The verb.
        verb: &'static str,
        /// Why: disk full, read-only.
        problem: String,
        /// The driver's error.
        #[source]
        source: Source,
    },
    /// The schema was made by a newer Longshore.
    #[error(
        "the database's schema is version {found}, this binary knows up to {supported}: \
         use a newer longshore"
    )]
    SchemaTooNew {
        /// The database's version.
        found: i32,
        /// The newest that this binary knows.
        supported: i32,
    },
    /// The schema is older than this binary needs, or absent.
    #[error(
        "the database's schema is version {found}, this binary needs {needed}: \
         run `longshore migrate`"
    )]
    SchemaTooOld {
        /// The database's version; 0 for none.
        found: i32,
        /// The version needed.
        needed: i32,
    },
    /// No such job.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// No such queue.
    #[error("there is no queue {name:?}; {hint}")]
    UnknownQueue {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// No such template.
    #[error("there is no template {name:?}; {hint}")]
    UnknownTemplate {
        /// What was asked for.
        name: String,
        /// The nearest name, or all of them.
        hint: String,
    },
    /// A queue of this name is there already.
    #[error("a queue {0:?} exists already")]
    QueueExists(String),
    /// An API token of this name is good already.
    #[error("a token {0:?} is there already: revoke it first, or choose another name")]
    TokenExists(String),
    /// No such API token.
    #[error("there is no token {0}")]
    UnknownToken(ApiTokenId),
    /// A webhook of this name is there already.
    #[error("a webhook {0:?} is there already: delete it first, or choose another name")]
    WebhookExists(String),
    /// No such webhook.
    #[error("there is no webhook {0}")]
    UnknownWebhook(WebhookId),
    /// No such delivery of a webhook: it may have been so old that it is gone.
    #[error("there is no delivery {0}")]
    UnknownDelivery(DeliveryId),
    /// The key was used for another spec. The code is `idempotency_key_reused`.
    #[error("idempotency key {key:?} was used for another spec, by job {job}: use a new key")]
    IdempotencyKeyReused {
        /// The key.
        key: String,
        /// The job that has it.
        job: JobId,
    },
    /// The job's state has no arrow for what was asked.
    #[error("job {job}: {illegal}")]
    Illegal {
        /// The job.
        job: JobId,
        /// The state and what was asked.
        #[source]
        illegal: IllegalTransition,
    },
    /// A value that the store refuses.
    #[error(transparent)]
    Invalid(#[from] FieldError),
    /// Whoever keeps the database does not let the caller do this, or does not offer it: a server that
    /// asks for a token or for another role.
    #[error("{verb}: {reason}")]
    Denied {
        /// The verb.
        verb: &'static str,
        /// Why, and what would be needed.
        reason: String,
    },
    /// The address of the database is not one.
    #[error("{0}")]
    BadAddress(String),
    /// Anything else: a defect, or a damaged database.
    #[error("{verb}: the database answered with an error that was not expected")]
    Unexpected {
        /// The verb.
        verb: &'static str,
        /// The driver's error.
        #[source]
        source: Source,
    },
}

impl StoreError {
    /// Whether the same call may succeed when it is repeated, with nothing done so far.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }

    /// Whether the database is out of reach, or a server before it, so that nothing is known of what was
    /// asked.
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. } | Self::ServerUnavailable { .. }
        )
    }

    /// Whether the fault lies with the system (database down, busy, full, of another version)
    /// rather than with what was asked.
    pub fn is_systems_fault(&self) -> bool {
        match self {
            Self::Contended { .. }
            | Self::Unavailable { .. }
            | Self::ServerUnavailable { .. }
            | Self::CannotWrite { .. }
            | Self::SchemaTooNew { .. }
            | Self::SchemaTooOld { .. }
            | Self::Unexpected { .. } => true,
            Self::UnknownJob(_)
            | Self::UnknownQueue { .. }
            | Self::UnknownTemplate { .. }
            | Self::QueueExists(_)
            | Self::TokenExists(_)
            | Self::UnknownToken(_)
            | Self::WebhookExists(_)
            | Self::UnknownWebhook(_)
            | Self::UnknownDelivery(_)
            | Self::IdempotencyKeyReused { .. }
            | Self::Illegal { .. }
            | Self::Invalid(_)
            | Self::Denied { .. }
            | Self::BadAddress(_) => false,
        }
    }

    /// What kind of failure it is, in one of a few words: for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Contended { .. } => "contended",
            Self::Unavailable { .. } | Self::ServerUnavailable { .. } => "unavailable",
            Self::CannotWrite { .. } => "cannot_write",
            Self::SchemaTooNew { .. } | Self::SchemaTooOld { .. } => "schema",
            Self::Unexpected { .. } => "unexpected",
            Self::UnknownJob(_)
            | Self::UnknownQueue { .. }
            | Self::UnknownTemplate { .. }
            | Self::QueueExists(_)
            | Self::TokenExists(_)
            | Self::UnknownToken(_)
            | Self::WebhookExists(_)
            | Self::UnknownWebhook(_)
            | Self::UnknownDelivery(_)
            | Self::IdempotencyKeyReused { .. }
            | Self::Illegal { .. }
            | Self::Invalid(_)
            | Self::Denied { .. }
            | Self::BadAddress(_) => "refused",
        }
    }

    /// An error that was not expected.
    pub fn unexpected(verb: &'static str, source: impl Into<Source>) -> Self {
        Self::Unexpected {
            verb,
            source: source.into(),
        }
    }
}
