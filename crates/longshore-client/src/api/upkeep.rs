//! Keeping the database in shape.

use longshore_core::spec::Timeout;
use longshore_core::store::Pruned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneRequest {
    /// Jobs that ended longer ago than this: seconds, or a text such as `"30d"`.
    #[schema(schema_with = longshore_core::schemas::duration)]
    pub older_than: Timeout,
    /// At most this many in this batch, 1 to 10000; 1000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub batch: Option<u32>,
    /// Whether to count them, and do nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What was taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct PruneAnswer {
    /// How many jobs there were to take away, before this batch; counting stops at 100,000.
    pub prunable: u64,
    /// What this batch took away.
    #[serde(flatten)]
    pub pruned: Pruned,
}
