//! Who one is, tokens, and what was done.

use longshore_core::access::{ApiToken, ApiTokenId, AuditEntry, Role};
use longshore_core::spec::Timeout;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whom the server takes the caller for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The token's name, or `anonymous`.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// The token, if one was shown.
    pub token: Option<ApiTokenId>,
}

/// A token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose it is.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,62}$")]
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// For how long it is good: seconds, a text such as `"30d"`, or `"none"`; for ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = longshore_core::schemas::timeout)]
    pub lifetime: Option<Timeout>,
}

/// A token that was made, with its secret, which is never shown again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    #[serde(flatten)]
    pub token: ApiToken,
    /// What to send as `Authorization: Bearer …`.
    pub secret: String,
}

/// Which lines of the audit log to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Older than this line: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// At most this many, 1 to 1000; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// Lines of the audit log, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; none at the end.
    pub next: Option<i64>,
}
