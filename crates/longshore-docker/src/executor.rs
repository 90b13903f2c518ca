//! The executor itself: which verb goes where. Owns what this worker remembers of its containers.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::ContainerSummaryStateEnum as State;
use longshore_core::InstanceId;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, ContainerIdentity, Ensured, Executor, ExecutorError, Fate, Handle,
    LaunchRequest, Listed, Phase, Tell, Watch, check_capabilities,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::spec::PullPolicy;
use longshore_core::usage::Sample;
use longshore_fault::bug;
use tokio::sync::{Notify, Semaphore};

use crate::config::DockerConfig;
use crate::connect::Connection;
use crate::engine::{Engine, short};
use crate::images::Images;
use crate::permits::Launches;
use crate::program::Programs;
use crate::watch::Hints;
use crate::watch::meter::{self, Meter};
use crate::{host, labels, lifecycle, watch};

/// The kind that queues name.
pub const KIND: &str = "docker";
/// How many containers are measured at once.
const SAMPLES_AT_ONCE: usize = 8;

/// Launches containers through one Docker Engine.
pub struct DockerExecutor {
    engine: Engine,
    config: DockerConfig,
    capabilities: Capabilities,
    launches: Launches,
    programs: Programs,
    samples: Arc<Semaphore>,
    images: Images,
    ours: Mutex<HashMap<Handle, Ours>>,
}

/// What every engine can do.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities::of([
        Capability::SurvivesWorker,
        Capability::Images,
        Capability::MemoryLimit,
        Capability::CpuLimit,
        Capability::PidsLimit,
        Capability::User,
        Capability::Networks,
        Capability::Mounts,
        Capability::Devices,
        Capability::Privileged,
        Capability::FullListing,
    ])
}

/// What this worker remembers of a container, until it is removed.
#[derive(Debug, Default)]
struct Ours {
    /// A start was sent, whatever came of it. There is never a second.
    start_sent: bool,
    /// Tells the watch to look.
    look: Arc<Notify>,
    meter: Arc<Meter>,
}

impl DockerExecutor {
    /// An executor for this engine.
    pub fn new(connection: Connection, config: DockerConfig) -> Self {
        Self {
            images: Images::new(connection.docker.clone(), config.credentials.clone()),
            engine: Engine::new(connection, config.deadline),
            config,
            capabilities: capabilities(),
            launches: Launches::new(),
            programs: Programs::default(),
            samples: Arc::new(Semaphore::new(SAMPLES_AT_ONCE)),
            ours: Mutex::default(),
        }
    }

    fn ours(&self) -> MutexGuard<'_, HashMap<Handle, Ours>> {
        self.ours.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, handle: &Handle) -> Arc<Notify> {
        Arc::clone(&self.ours().entry(handle.clone()).or_default().look)
    }

    fn meter(&self, handle: &Handle) -> Arc<Meter> {
        Arc::clone(&self.ours().entry(handle.clone()).or_default().meter)
    }
}

impl fmt::Debug for DockerExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerExecutor")
            .field("remembers", &self.ours().len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Executor for DockerExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        host::facts(&self.engine, KIND).await
    }

    async fn prepare(&self, request: &LaunchRequest, tell: Tell) -> Result<(), ExecutorError> {
        let Some(image) = &request.spec.image else {
            return Ok(()); // refused when it is to be created
        };
        let policy = request.spec.pull.unwrap_or(PullPolicy::Missing);
        self.images.provide(image, policy, &tell).await
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        check_capabilities(KIND, &self.capabilities, &request.spec).map_err(|refusal| {
            let name = request.identity.container_name();
            let attempted = format!("create container {name}");
            ExecutorError::new(ErrorClass::Permanent, attempted, refusal.to_string())
        })?;
        let (engine, launches, images) = (&self.engine, &self.launches, &self.images);
        lifecycle::ensure(engine, launches, images, &self.config, request).await
    }

    async fn watch(
        &self,
        handle: &Handle,
        from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        let hints = Hints {
            look: self.look(handle),
            meter: self.meter(handle),
            samples: Arc::clone(&self.samples),
        };
        watch::watch(&self.engine, &self.config, handle, from, hints).await
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let already = {
            let mut ours = self.ours();
            let ours = ours.entry(handle.clone()).or_default();
            std::mem::replace(&mut ours.start_sent, true)
        };
        if already {
            let attempted = format!("start container {}", short(&handle.0));
            let problem = "a start was sent already; there is never a second";
            return Err(ExecutorError::new(
                ErrorClass::Permanent,
                attempted,
                problem,
            ));
        }
        let (launches, programs, look) = (&self.launches, &self.programs, self.look(handle));
        let started = lifecycle::start(&self.engine, launches, programs, &look, &handle.0).await;
        // Whatever was answered: it may run.
        look.notify_one();
        if started.is_err() && matches!(self.engine.inspect(&handle.0).await, Ok(None)) {
            // Nothing is left, so nobody will forget it.
            self.ours().remove(handle);
        }
        started
    }

    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        lifecycle::stop(&self.engine, &handle.0, grace).await
    }

    async fn usage(&self, handle: &Handle) -> Result<Sample, ExecutorError> {
        let sample = meter::sample(&self.engine, &handle.0).await?;
        let sample = sample.unwrap_or_default();
        // Kept for the end too: what was once shown is never taken back. One that was forgotten meanwhile has
        // no meter any more, and gets no other.
        let meter = self.ours().get(handle).map(|ours| Arc::clone(&ours.meter));
        Ok(Sample {
            usage: meter.map_or(sample.usage, |meter| meter.add(sample.usage)),
            ..sample
        })
    }

    async fn list(&self, instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let found = self.engine.list(labels::filter(instance)).await?;
        let listed = found.into_iter().filter_map(|container| {
            let identity = labels::identity(&container.labels?)?;
            let phase = match container.state {
                Some(State::CREATED) => Phase::Created,
                // On its way out: it does not run, and is not absent yet.
                Some(State::EXITED | State::DEAD | State::REMOVING) => Phase::Exited,
                Some(
                    State::RUNNING
                    | State::PAUSED
                    | State::RESTARTING
                    | State::STOPPING
                    | State::EMPTY,
                )
                | None => Phase::Running,
            };
            Some(Listed {
                handle: Handle(container.id?),
                identity,
                phase,
            })
        });
        Ok(listed.collect())
    }

    async fn fate(
        &self,
        handle: &Handle,
        identity: &ContainerIdentity,
        host: &str,
    ) -> Result<Fate, ExecutorError> {
        // Before and after: so that the listing is that engine's.
        let before = host::identity(&self.engine).await?;
        let listed = self.list(&identity.instance).await?;
        let after = host::identity(&self.engine).await?;
        if let Some(other) = [before, after].iter().find(|found| *found != host) {
            let problem = format!("it was launched on engine {host}; this one is {other}");
            return Ok(Fate::Unknown(problem));
        }
        let found = listed.into_iter().find(|found| found.handle == *handle);
        Ok(match found {
            None if bug!("listing_believed") => Fate::Gone,
            // Asked for by its id too: labels are only as true as the database's own id.
            None if self.engine.inspect(&handle.0).await?.is_none() => Fate::Gone,
            None => Fate::Unknown("the engine has it, and not as this instance's".to_owned()),
            Some(found) if found.identity.container_name() == identity.container_name() => {
                found.phase.into()
            }
            Some(found) => {
                let name = found.identity.container_name();
                Fate::Unknown(format!("the engine has it as {name}"))
            }
        })
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        lifecycle::forget(&self.engine, &handle.0).await?;
        self.ours().remove(handle);
        Ok(())
    }
}
