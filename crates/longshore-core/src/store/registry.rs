//! What there is beside jobs: queues, workers, hosts, templates.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreResult;
use crate::host::{Host, HostChange, HostFacts};
use crate::ids::{HostId, QueueId, WorkerId};
use crate::queue::{NewQueue, Queue, QueueChange};
use crate::template::Template;

/// A worker process that reports for work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWorker {
    /// What people call it.
    pub name: String,
    /// Its machine's name.
    pub hostname: String,
    /// Its process id there.
    pub pid: u32,
    /// Its machine's boot id.
    pub boot_id: String,
    /// Its version.
    pub version: String,
    /// The queues that it serves.
    pub queues: Vec<QueueId>,
    /// The hosts that it launches on.
    pub hosts: Vec<HostId>,
    /// The most jobs that it runs at once.
    pub capacity: u32,
    /// After this long without a heartbeat it counts as dead.
    pub lease_ttl: Duration,
}

/// A worker as the store knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Worker {
    /// One per process start.
    pub id: WorkerId,
    /// What people call it.
    pub name: String,
    /// Its machine's name.
    pub hostname: String,
    /// Its process id there.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Names of the queues that it serves.
    pub queues: Vec<String>,
    /// The hosts that it launches on.
    pub hosts: Vec<HostId>,
    /// The most jobs that it runs at once.
    pub capacity: u32,
    /// Its leases.
    pub live: u32,
    /// When it reported for work.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub started_at: Timestamp,
    /// Its last sign of life.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub heartbeat_at: Timestamp,
    /// When it said goodbye, if it did.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub stopped_at: Option<Timestamp>,
    /// Whether it acquires nothing more.
    pub draining: bool,
    /// Whether another took over its leases.
    pub fenced: bool,
    /// Whether it counts as alive: not stopped, not fenced, heard of within its time.
    pub alive: bool,
}

/// What a worker learns from its heartbeat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heartbeat {
    /// It goes on.
    Alive {
        /// Whether a person asked it to drain.
        drain: bool,
        /// When it was heard of, by the database's clock.
        at: Timestamp,
    },
    /// Another took over: it supervises nothing any more, and starts over under a new id.
    Fenced,
}

/// What there is beside jobs.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Every queue, by name.
    async fn queues(&self) -> StoreResult<Vec<Queue>>;

    /// One queue; an unknown name is an error that suggests another.
    async fn queue(&self, name: &str) -> StoreResult<Queue>;

    /// Makes a queue.
    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue>;

    /// Changes a queue and raises its epoch, having locked its row: from then on no acquisition
    /// goes by the old limit.
    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue>;

    /// Enters a worker under a fresh id.
    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId>;

    /// A sign of life. Changes nothing once the worker is fenced.
    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat>;

    /// The worker (or a person) says that it acquires nothing more. An unknown one is an error.
    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()>;

    /// The worker says goodbye. An unknown one is an error.
    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()>;

    /// Workers, newest first: those alive, and with `all` those of the past too (at most 1,000).
    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>>;

    /// Enters a host, or notes that it was seen and is well. The same executor and identity is the
    /// same host.
    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId>;

    /// Notes that a host could not be reached, and why. It was not seen. An unknown one is an error.
    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()>;

    /// Changes what people say of a host, having locked its row: once it is disabled, or its
    /// capacity lowered, no launch goes by what was said before. An unknown one is an error.
    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host>;

    /// Replaces the hosts that a worker says it launches on, and the queues that it says it serves.
    /// An unknown worker is an error.
    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()>;

    /// Every host, by name.
    async fn hosts(&self) -> StoreResult<Vec<Host>>;

    /// Saves a template as a new version; the same body as the newest makes none.
    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template>;

    /// The newest version of every template, by name.
    async fn templates(&self) -> StoreResult<Vec<Template>>;

    /// The newest version of these, in their order; an unknown name is an error.
    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>>;
}
