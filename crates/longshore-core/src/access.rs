//! Who may do what over HTTP: roles, API tokens, and the log of what was done.
//!
//! A token is a text such as `lsh_12_Xy…`: a number, by which its row is found, and a secret of 256 random
//! bits, of which only a hash is stored. A stolen database opens nothing, and nobody can guess it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::spec::{FieldError, check_name};

/// What a caller may do. Each role may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    /// Looks at jobs, their output, queues, workers and hosts.
    Reader,
    /// Submits jobs, and cancels, holds, releases, retries and moves them.
    Submitter,
    /// Also submits jobs that run on the host itself, acts on many jobs at once, and changes queues,
    /// hosts, workers and templates.
    Operator,
    /// Also makes and revokes tokens, and reads the audit log.
    Admin,
}

impl Role {
    /// Every role, the one that may least first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Submitter, Self::Operator, Self::Admin];

    /// The role's name in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Submitter => "submitter",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it may do what `needed` may.
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no role.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no role; the roles are {all}", all = Role::ALL.map(Role::as_str).join(", "))]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Which API token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiTokenId(pub i64);

impl fmt::Display for ApiTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The SHA-256 hash of a token's secret. `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub [u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A token to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewApiToken {
    /// Whose it is; see [`check_name`]. No two tokens that are neither revoked nor expired have the same.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// For how long it is good, from now; none for ever.
    pub lifetime: Option<std::time::Duration>,
}

impl NewApiToken {
    /// The longest lifetime: ten years. Longer is a slip of the unit.
    pub const MAX_LIFETIME: std::time::Duration = std::time::Duration::from_hours(10 * 366 * 24);

    /// Whether it can be made. Every store asks this first.
    pub fn validate(&self) -> Result<(), FieldError> {
        check_name("name", &self.name)?;
        match self.lifetime {
            Some(lifetime) if lifetime.is_zero() || lifetime > Self::MAX_LIFETIME => {
                let problem = "must be longer than nothing and at most ten years";
                Err(FieldError::new("lifetime", problem))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A token as people see it: everything but its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiToken {
    /// Its number.
    pub id: ApiTokenId,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to within a few minutes.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
    /// Whether it is good now: neither revoked nor expired, by the database's clock.
    pub is_good: bool,
}

impl ApiToken {
    /// Once in this time a use is noted, so that a busy token costs few writes.
    pub const USE_NOTED_EVERY: std::time::Duration = std::time::Duration::from_mins(1);
    /// The most tokens of a list.
    pub const MAX_LISTED: u32 = 1000;
}

/// A token as whoever checks a secret needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredApiToken {
    /// The token.
    pub token: ApiToken,
    /// The hash of its secret.
    pub hash: SecretHash,
}

/// Something that somebody did, or was refused: a line of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditNote {
    /// Who: the token's name, or `anonymous`. A later token may have the same name.
    pub who: String,
    /// By which token.
    pub token: Option<ApiTokenId>,
    /// From which address.
    pub address: String,
    /// What was asked: the name of the API's operation, such as `cancel_job`.
    pub action: String,
    /// Of what: such as `job 12` or `queue default`; empty when it is of nothing that has a name.
    pub subject: String,
    /// What came of it: an HTTP status.
    pub status: u16,
}

impl AuditNote {
    /// The most bytes of each of its texts that are kept.
    pub const MAX_TEXT_BYTES: usize = 500;

    /// The same with texts that every store can hold: no NUL characters, no more than is kept.
    #[must_use]
    pub fn kept(mut self) -> Self {
        for text in [
            &mut self.who,
            &mut self.address,
            &mut self.action,
            &mut self.subject,
        ] {
            if text.contains('\0') {
                *text = text.replace('\0', "\u{fffd}");
            }
            text.truncate(text.floor_char_boundary(Self::MAX_TEXT_BYTES));
        }
        self
    }
}

/// A line of the audit log as it was stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its number; later lines have larger ones.
    pub id: i64,
    /// When it was stored.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub note: AuditNote,
}

impl AuditEntry {
    /// The most lines of one page of the log.
    pub const MAX_PAGE: u32 = 1000;
    /// For how long a line is kept, by the database's clock: 400 days, so that a year can be looked at
    /// whole for some weeks after its end. Tending the storage takes away what is older.
    pub const KEPT: std::time::Duration = std::time::Duration::from_hours(400 * 24);
    /// The most lines that one transaction takes away for their age, so that nobody waits long for it.
    pub const FORGOTTEN_AT_ONCE: u32 = 10_000;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        for (place, role) in Role::ALL.into_iter().enumerate() {
            for (other, needed) in Role::ALL.into_iter().enumerate() {
                assert_eq!(role.may(needed), place >= other, "{role} {needed}");
            }
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        let refused = "root".parse::<Role>().expect_err("no role").to_string();
        assert!(
            refused.contains("reader, submitter, operator, admin"),
            "{refused}"
        );
    }

    #[test]
    fn a_lifetime_of_nothing_or_by_a_slip_of_the_unit_is_refused() {
        use std::time::Duration;
        for (lifetime, fits) in [
            (None, true),
            (Some(Duration::ZERO), false),
            (Some(Duration::from_micros(1)), true),
            (Some(NewApiToken::MAX_LIFETIME), true),
            (
                Some(NewApiToken::MAX_LIFETIME + Duration::from_secs(1)),
                false,
            ),
        ] {
            let new = NewApiToken {
                name: "ci".to_owned(),
                role: Role::Reader,
                hash: SecretHash([0; 32]),
                lifetime,
            };
            assert_eq!(new.validate().is_ok(), fits, "{lifetime:?}");
        }
    }

    #[test]
    fn a_note_is_cut_at_a_character_and_holds_no_nul() {
        let note = AuditNote {
            who: "ä".repeat(300),
            token: None,
            address: "a\0b".to_owned(),
            action: String::new(),
            subject: String::new(),
            status: 200,
        };
        let kept = note.kept();
        assert_eq!(kept.who, "ä".repeat(250));
        assert_eq!(kept.address, "a\u{fffd}b");
    }
}
