//! The feed of changes.

use longshore_core::store::Change;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which part of the feed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeQuery {
    /// What comes after this cursor, the `next` of a page or the id of an event; `0.0` is the beginning of what
    /// is kept. When absent nothing is told, and `next` is where the feed ends now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many rows of the feed at most, 1 to 1000, each of which may tell of up to 200 jobs; 100 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
}

/// An event of the feed of changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ChangeEvent {
    /// The stream tells what changes from here on.
    Begin,
    /// Jobs came into other states.
    Changes {
        /// Which; those of one job in the order in which they happened.
        changes: Vec<Change>,
    },
    /// Changes are missing here that are not kept any more (or a backup of the database was restored): look at
    /// everything anew.
    Gap,
}
