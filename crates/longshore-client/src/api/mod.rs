//! The HTTP API's own types: what requests say, what answers wrap, and what an error looks like.

mod access;
mod actions;
mod bodies;
mod changes;
mod code;
mod jobs;
mod output;
mod problem;
mod upkeep;
mod webhooks;

use std::collections::BTreeMap;

use longshore_core::State;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use access::{AuditPage, AuditQuery, MadeToken, NewToken, WhoAmI};
pub use actions::{BulkAnswer, BulkFailure, BulkRequest, JobAction, Nothing, PriorityBody};
pub use bodies::{HostBody, NewQueueBody, QueueBody, TemplateBody, TemplateSummary};
pub use changes::{ChangeEvent, ChangeQuery};
pub use code::Code;
pub use jobs::{JobQuery, JobView, NewJob, StatesAnswer, StatesRequest, SubmitMany, SubmittedMany};
pub use output::{OutputChunk, OutputEvent, OutputPageBody, OutputQuery};
pub use problem::Problem;
pub use upkeep::{PruneAnswer, PruneRequest};
pub use webhooks::{DeliveryPage, DeliveryQuery, MadeWebhook, NewWebhookBody, WebhookBody};

/// Where the API begins.
pub const PREFIX: &str = "/api/v1";

/// The header that makes a repeated submission answer with the first job.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Counts over everything.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// What waits and runs, over all queues.
    pub metrics: WorkerMetrics,
    /// Ended jobs by how they ended.
    pub settled: BTreeMap<State, Count>,
    /// The same by queue.
    pub queues: Vec<QueueStats>,
}

/// What a server is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// Its version.
    pub version: String,
    /// Its database's random name.
    pub instance: String,
    /// The kind of its database: `sqlite` or `postgres`.
    pub store: String,
    /// Its database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub now: longshore_core::Timestamp,
}

/// Reads a field that may be absent (it stays as it is), `null` (it has none from now on) or a value.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three things"
)]
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
