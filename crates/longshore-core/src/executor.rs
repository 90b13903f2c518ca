//! The seam to whatever launches containers: an engine, or the worker's own host.
//!
//! Made for recovery: a container has a name that says which attempt it belongs to, creating is
//! apart from starting (between the two its handle is stored, PROTOCOL section 4), and whatever
//! is there can be found, watched and stopped by another worker.

mod capabilities;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};

pub use capabilities::{Capabilities, Capability, Refusal, check_capabilities};

use crate::attempt::{Exit, Usage};
use crate::classify::{ErrorClass, ErrorFacts, classify};
use crate::host::HostFacts;
use crate::ids::{AttemptNumber, InstanceId, JobId, Token};
use crate::output::{OutputChunk, ResumePoint};
use crate::spec::{EnvValue, JobSpec};
use crate::usage::Sample;

/// Which attempt a container belongs to: its name and its labels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContainerIdentity {
    /// The database that the job lives in.
    pub instance: InstanceId,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// The token under which it was created.
    pub token: Token,
}

impl ContainerIdentity {
    /// `longshore-<instance>-<job>-<attempt>`: the same for every token of the attempt, so that
    /// two workers that both create it collide.
    pub fn container_name(&self) -> String {
        format!("longshore-{}-{}-{}", self.instance, self.job, self.attempt)
    }
}

/// The executor's own name for a container. Opaque; stored with the lease.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub String);

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is to be launched.
#[derive(Clone, PartialEq, Debug)]
pub struct LaunchRequest {
    /// For whom.
    pub identity: ContainerIdentity,
    /// What.
    pub spec: JobSpec,
    /// The environment, templates resolved.
    pub env: BTreeMap<String, EnvValue>,
}

/// Takes what a launch that takes long says of itself, for the people who wait: `pulling image
/// busybox: 45 %`. Called as often as the executor likes; only the last word counts.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;

/// What [`Executor::ensure`] found or made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ensured {
    /// Created, never started.
    Created(Handle),
    /// Already running, started for an earlier token of this attempt: adopt it.
    Running(Handle),
    /// Already ended, likewise: harvest it.
    Exited(Handle),
    /// A container of this attempt carries a higher token: the lease is lost.
    Superseded,
}

/// A container being watched. Ask for it before the start, so that nothing is missed.
pub struct Watch {
    /// What it writes, in order within each stream. Ends after the last byte. Pulling slowly
    /// slows the container down: nothing is dropped, and memory does not grow.
    pub output: BoxStream<'static, Result<OutputChunk, ExecutorError>>,
    /// Resolves when it has ended, whether or not its output was pulled.
    pub end: BoxFuture<'static, Result<Ended, ExecutorError>>,
}

/// How a container ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Its exit.
    pub exit: Exit,
    /// What it used.
    pub usage: Usage,
}

/// A container that an executor knows of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its handle.
    pub handle: Handle,
    /// Whose it is.
    pub identity: ContainerIdentity,
    /// Whether it was created, runs, or has ended.
    pub phase: Phase,
}

/// Where a container is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Created, never started.
    Created,
    /// Running.
    Running,
    /// Ended.
    Exited,
}

/// What has become of a container that a lease names, as far as it is *proved*: what a worker that
/// takes a lease over asks first ([`Executor::fate`]).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is there and was not started so far. A start may be on its way, from a worker that
    /// stalls: [`Executor::ensure`] under a higher token, or [`Executor::stop`], makes sure that it
    /// finds nothing.
    Created,
    /// Something of it lives. Where containers survive their worker ([`Capability::SurvivesWorker`])
    /// it is adopted by [`Executor::watch`]; elsewhere it can't be, and [`Executor::stop`] ends it:
    /// after its success the fate is [`Fate::Gone`], or [`Fate::Exited`] of one's own.
    Running,
    /// It has ended and is still there: [`Executor::watch`] tells the rest of its output and its
    /// exit, or that the exit is not the job's own.
    Exited,
    /// Proved: it is not there, nothing of it lives, and no start that is still on its way can run
    /// anything of it. How it ended is not known and won't be.
    Gone,
    /// Can't be known from here, for this reason. It may live; so its slot and its job wait.
    Unknown(String),
}

impl Fate {
    /// Whether it is proved that nothing of it runs, now or later.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Exited | Self::Gone => true,
            Self::Created | Self::Running | Self::Unknown(_) => false,
        }
    }
}

impl From<Phase> for Fate {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Created => Self::Created,
            Phase::Running => Self::Running,
            Phase::Exited => Self::Exited,
        }
    }
}

/// Something that an executor could not do.
#[derive(Debug, thiserror::Error)]
#[error("{attempted}: {problem}")]
pub struct ExecutorError {
    /// What was attempted, on what.
    pub attempted: String,
    /// What went wrong, in the engine's own words where it has any.
    pub problem: String,
    /// Whether trying again can help.
    pub class: ErrorClass,
}

impl ExecutorError {
    /// An error of a known class.
    pub fn new(
        class: ErrorClass,
        attempted: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self {
            attempted: attempted.into(),
            problem: problem.into(),
            class,
        }
    }

    /// An error of the operating system, classified by its number or, without one, by its kind.
    pub fn io(attempted: impl Into<String>, error: &std::io::Error) -> Self {
        let problem = error.to_string();
        let facts = ErrorFacts {
            http_status: None,
            os_error: error.raw_os_error(),
            kind: Some(error.kind()),
            text: &problem,
        };
        let class = classify(facts);
        Self {
            attempted: attempted.into(),
            problem,
            class,
        }
    }

    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        self.class.is_retried()
    }
}

/// Launches containers and watches them.
///
/// Every call has a deadline of the executor's own; no call is cancelled halfway by its caller,
/// who runs it in a task that it owns.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// The kind that queues name: `docker`, `process`, …
    fn kind(&self) -> &'static str;

    /// What it can do on this host.
    fn capabilities(&self) -> &Capabilities;

    /// The machine or engine behind it, asked afresh.
    async fn host(&self) -> Result<HostFacts, ExecutorError>;

    /// Makes ready what the container needs and may take long: its image. Says meanwhile how far
    /// it is. Cancellation-safe: what was begun for several goes on for the others.
    async fn prepare(&self, request: &LaunchRequest, tell: Tell) -> Result<(), ExecutorError> {
        let _ = (request, tell);
        Ok(())
    }

    /// Creates the attempt's container unless it is there (PROTOCOL section 4, step 1). Nothing
    /// of the job runs yet.
    ///
    /// Where containers survive their worker ([`Capability::SurvivesWorker`]) it finds those of all
    /// workers of that host; elsewhere this worker's alone. There a take-over that finds a handle in
    /// the lease proves first that nothing of it lives ([`Executor::fate`], [`Executor::stop`]), and
    /// one that finds none knows by the fence that nothing was or will be started.
    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError>;

    /// Begins to watch a container: output from `from`, or from its beginning. Called once per
    /// container and worker, before [`Executor::start`], or to adopt what runs or has ended. Of
    /// what it can't adopt, such as another worker's process, it says so as a permanent error.
    async fn watch(
        &self,
        handle: &Handle,
        from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError>;

    /// Starts a created container. At most one start is ever sent per handle. When it returns,
    /// the job's program runs, or the error says why it can't.
    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError>;

    /// TERM, then KILL after `grace`, to everything in the container, whichever worker made it.
    /// Returns when it has ended; at once if it had already. One that was never started never will
    /// be. So its success is a proof of death.
    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError>;

    /// What it has used up to now, and has now.
    async fn usage(&self, handle: &Handle) -> Result<Sample, ExecutorError>;

    /// Every container of this instance that the executor knows of: a full listing, or an error.
    ///
    /// What an absence from it proves differs. With [`Capability::FullListing`] it names the
    /// containers of every worker on that host, so that what it lacks does not live there:
    /// an engine lists what it has, ended ones too; the process executor looks through the whole
    /// machine, and names another worker's containers as long as anything of them lives. Without,
    /// it names those of this executor alone, and proves nothing about others.
    ///
    /// To find orphans, list first and read the leases then. To take a lease over, read it first
    /// and ask for its container's [`Executor::fate`] then.
    async fn list(&self, instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError>;

    /// What has become of a container that this executor need not have made: the proof that a
    /// take-over rests on. Never guesses, changes nothing, and may be asked as often as one likes.
    ///
    /// `host` is the identity ([`HostFacts::identity`]) of the host that the lease was launched on.
    /// An executor that is of another one by now (an engine that was set up anew behind the same
    /// address, a cloned machine) knows nothing of it: [`Fate::Unknown`]. The lease is to be read
    /// *before* this is asked, since a container may be made at any time until then.
    ///
    /// - Docker, podman: a full listing of that engine, which is asked for its identity before and
    ///   after. What has its handle and its labels is in that phase; what is not listed is gone: an
    ///   engine gives no id a second time.
    /// - Processes: by process id, start time, boot id and PID namespace, everything that the shim
    ///   left behind included. Of another boot of the same machine: gone. Of another PID namespace,
    ///   or where this user may not see all processes: unknown.
    ///
    /// An engine that does not answer is a transient error. An executor that can't tell for others'
    /// containers leaves it at this: unknown.
    async fn fate(
        &self,
        handle: &Handle,
        identity: &ContainerIdentity,
        host: &str,
    ) -> Result<Fate, ExecutorError> {
        let _ = (handle, identity, host);
        let kind = self.kind();
        Ok(Fate::Unknown(format!(
            "the {kind} executor can't tell what became of others' containers"
        )))
    }

    /// Removes a container that was never started or has ended. One that runs is an error.
    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError>;
}
