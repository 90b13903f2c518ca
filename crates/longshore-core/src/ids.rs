//! Identities. Each is a newtype, so that a worker can't be passed where a job is meant.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

integer_id! {
    /// A job. Given by the store at submission, in submission order, never reused.
    JobId(i64)
}
integer_id! {
    /// Which attempt of its job this is: 1 for the first acquisition, then counting every one.
    AttemptNumber(i32)
}
integer_id! {
    /// The fencing token of a lease. Every acquisition and every take-over draws a fresh one, so
    /// that the tokens of a job strictly increase (promise S1).
    Token(i64)
}
integer_id! {
    /// One start of one worker process. A process that was fenced starts over under a new id.
    WorkerId(i64)
}
integer_id! {
    /// A machine or engine that an executor speaks to.
    HostId(i64)
}
integer_id! {
    /// A queue. Small, because it leads the key of every hot row.
    QueueId(i32)
}

/// The random name of one Longshore database, written once when it is migrated.
///
/// It is part of every container's name, so that two installations on one engine never touch
/// each other's containers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
