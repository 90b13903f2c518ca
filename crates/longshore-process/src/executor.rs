//! [`ProcessExecutor`]: the executor trait, each verb in a few lines over the modules beside it.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::InstanceId;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, ContainerIdentity, Ensured, Executor, ExecutorError, Fate, Handle, LaunchRequest,
    Listed, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use nix::sys::signal::Signal;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::blocking::{LOOKUPS, WALKS};
use crate::container::Container;
use crate::handle::{ProcessId, Standing};
use crate::launch::{self, permanent};
use crate::registry::{AttemptKey, Registry};
use crate::remains::Remains;
use crate::spawn::ShimCommand;
use crate::supervise::Status;
use crate::wire::{END_NOW, Launch};
use crate::{deadlines, host, machine};

/// The kind that queues name.
pub const KIND: &str = "process";

/// How many attempts can be ensured at once: more than a machine can spawn shims.
const ENSURE_LOCKS: usize = 64;

/// Runs jobs as processes of this host, each under a shim of its own.
///
/// Its containers live no longer than it does: dropping it, or the end of its process however
/// sudden, ends them all. It must be used within a tokio runtime that drives I/O and time.
pub struct ProcessExecutor {
    shim: ShimCommand,
    capabilities: Capabilities,
    containers: Registry,
    /// One ensure per attempt at a time; chosen by hash, so that there is nothing to clean up.
    ensuring: [Mutex<()>; ENSURE_LOCKS],
}

impl ProcessExecutor {
    /// An executor that starts its shims like this.
    pub fn new(shim: ShimCommand) -> Self {
        Self {
            shim,
            capabilities: launch::capabilities(),
            containers: Registry::default(),
            ensuring: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    fn container(&self, verb: &str, handle: &Handle) -> Result<Arc<Container>, ExecutorError> {
        let missing = || {
            permanent(
                format!("{verb} {handle}"),
                "this worker has no such container",
            )
        };
        self.containers.by_handle(handle).ok_or_else(missing)
    }

    fn ensure_lock(&self, key: &AttemptKey) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        format!("{key:?}").hash(&mut hasher);
        let index = hasher.finish() % ENSURE_LOCKS as u64;
        &self.ensuring[usize::try_from(index).expect("below ENSURE_LOCKS")]
    }

    /// What of an attempt's container is there to be adopted; none after a container that never
    /// ran was removed.
    async fn adopt(
        &self,
        found: &Arc<Container>,
        request: &LaunchRequest,
    ) -> Result<Option<Ensured>, ExecutorError> {
        if found.identity().token > request.identity.token {
            return Ok(Some(Ensured::Superseded));
        }
        if found.end_unstarted().await? {
            self.containers.remove(found);
            return Ok(None);
        }
        match found.settled_start().await? {
            Status::Running => Ok(Some(Ensured::Running(found.handle().clone()))),
            Status::Exited(_) | Status::Lost(_) => {
                Ok(Some(Ensured::Exited(found.handle().clone())))
            }
            Status::Preparing | Status::Created | Status::Refused(_) | Status::NeverStarted => {
                self.containers.remove(found);
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl Executor for ProcessExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        host::facts(KIND).map_err(|error| ExecutorError::io("read this machine's identity", &error))
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        let launch = prepare(&self.capabilities, request).await?;
        let key = AttemptKey::from(&request.identity);
        let _one_at_a_time = self.ensure_lock(&key).lock().await;
        if let Some(found) = self.containers.of_attempt(&key)
            && let Some(ensured) = self.adopt(&found, request).await?
        {
            return Ok(ensured);
        }
        let created = Container::create(&self.shim, request.identity.clone(), launch).await?;
        let handle = created.handle().clone();
        self.containers.enter(Arc::new(created));
        Ok(Ensured::Created(handle))
    }

    /// May be asked for again once an earlier watch's output was dropped: it goes on with the
    /// first byte that was not pulled. There are no resume points: what was pulled is gone.
    async fn watch(
        &self,
        handle: &Handle,
        from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        if from.is_some() {
            let problem = "a process's output can't be read twice, so not from a resume point";
            return Err(permanent(format!("watch {handle}"), problem));
        }
        let Some(container) = self.containers.by_handle(handle) else {
            return Err(permanent(format!("watch {handle}"), NOT_ADOPTED));
        };
        container.watch()
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.container("start", handle)?;
        let started = container.start().await;
        self.drop_if_it_never_ran(&container);
        started
    }

    /// A container that was never started is removed by this. Of another worker's the processes are
    /// told one by one, and then its shim, whatever its own worker does meanwhile. After a success
    /// nothing of it lives: proof of death.
    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        let Some(container) = self.containers.by_handle(handle) else {
            return stop_foreign(handle, grace).await;
        };
        container.stop(grace).await?;
        self.drop_if_it_never_ran(&container);
        Ok(())
    }

    async fn usage(&self, handle: &Handle) -> Result<Sample, ExecutorError> {
        self.container("measure", handle)?.usage().await
    }

    /// This executor's containers until they are forgotten, and those of other workers on this
    /// machine as long as anything of them lives.
    async fn list(&self, instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        // Before the look and after it: of ours the look says nothing, whenever it saw them.
        let before = self.containers.of_instance(instance);
        let what = "list containers";
        let sought = instance.clone();
        let look = WALKS.run(what, deadlines::WALK, move || machine::containers(&sought));
        let found = look
            .await?
            .map_err(|error| ExecutorError::io(what, &error))?;
        let ours = self.containers.of_instance(instance);
        let is_ours = |found: &Listed| {
            let mut all = before.iter().chain(&ours);
            all.any(|ours| *ours.handle() == found.handle)
        };
        let mut listed: Vec<_> = ours.iter().map(|container| container.listed()).collect();
        listed.extend(found.into_iter().filter(|found| !is_ours(found)));
        Ok(listed)
    }

    async fn fate(
        &self,
        handle: &Handle,
        _identity: &ContainerIdentity,
        host: &str,
    ) -> Result<Fate, ExecutorError> {
        let what = format!("look for {handle}");
        let process = parse(&what, handle)?;
        let here = self.host().await?.identity;
        if here != host {
            let problem = format!("it was launched on {host}; this machine is {here}");
            return Ok(Fate::Unknown(problem));
        }
        if let Some(ours) = self.containers.by_handle(handle) {
            return Ok(ours.listed().phase.into());
        }
        let look = WALKS.run(&what, deadlines::WALK, move || machine::fate(&process));
        look.await?
            .map_err(|error| ExecutorError::io(&what, &error))
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let Some(container) = self.containers.by_handle(handle) else {
            return forget_foreign(handle);
        };
        if !container.end_unstarted().await? && !container.status().is_over() {
            return Err(permanent(
                format!("remove {handle}"),
                "it runs: stop it first",
            ));
        }
        self.containers.remove(&container);
        Ok(())
    }
}

impl ProcessExecutor {
    fn drop_if_it_never_ran(&self, container: &Arc<Container>) {
        match container.status() {
            Status::Refused(_) | Status::NeverStarted => self.containers.remove(container),
            Status::Preparing
            | Status::Created
            | Status::Running
            | Status::Exited(_)
            | Status::Lost(_) => {}
        }
    }
}

/// Looking up a user may ask the network, so it is kept off the runtime's own threads, and given
/// up after a while. Nothing else asks anybody.
async fn prepare(
    capabilities: &Capabilities,
    request: &LaunchRequest,
) -> Result<Launch, ExecutorError> {
    if request.spec.user.is_none() {
        return launch::prepare(KIND, capabilities, request);
    }
    let (capabilities, request) = (capabilities.clone(), request.clone());
    let what = format!(
        "{}: look up its user",
        launch::describe("launch", &request.identity)
    );
    let look = move || launch::prepare(KIND, &capabilities, &request);
    LOOKUPS.run(&what, deadlines::LOOKUP, look).await?
}

/// Ends what another worker of this host started, or proves that it has ended.
async fn stop_foreign(handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
    let what = format!("stop {handle}");
    let process: ProcessId = parse(&what, handle)?;
    let remains = |of: io::Result<Remains>| of.map_err(|error| ExecutorError::io(&what, &error));
    if !lives(&what, &process)? {
        return remains(Remains::of(&process))?.sweep(&what).await;
    }
    if !grace.is_zero() && terminate(&what, &process).await? {
        ends_within(&what, &process, grace).await?;
    }
    // A shim that does not listen (somebody suspended it) is killed.
    for signal in [END_NOW, Signal::SIGKILL] {
        process
            .signal(signal)
            .map_err(|error| ExecutorError::io(&what, &error))?;
        if ends_within(&what, &process, deadlines::KILL).await? {
            return Remains::of_fresh(&process).sweep(&what).await;
        }
    }
    let problem = format!("it still lives {:?} after it was killed", deadlines::KILL);
    Err(ExecutorError::new(ErrorClass::Transient, what, problem))
}

async fn terminate(what: &str, process: &ProcessId) -> Result<bool, ExecutorError> {
    let process = process.clone();
    let told = WALKS.run(what, deadlines::WALK, move || machine::terminate(&process));
    told.await?.map_err(|error| ExecutorError::io(what, &error))
}

async fn ends_within(
    what: &str,
    process: &ProcessId,
    limit: Duration,
) -> Result<bool, ExecutorError> {
    let began = Instant::now();
    while lives(what, process)? {
        if began.elapsed() >= limit {
            return Ok(false);
        }
        sleep(deadlines::LOOK_EVERY).await;
    }
    Ok(true)
}

/// Nothing is kept of what is not ours, so there is nothing to remove; what lives is refused.
fn forget_foreign(handle: &Handle) -> Result<(), ExecutorError> {
    let what = format!("remove {handle}");
    let process = parse(&what, handle)?;
    if lives(&what, &process)? {
        let problem = "it runs under another worker: stop it first";
        return Err(permanent(what, problem));
    }
    Ok(())
}

/// Whether a process of this host lives; another's can't be known from here.
fn lives(what: &str, process: &ProcessId) -> Result<bool, ExecutorError> {
    match process
        .standing()
        .map_err(|error| ExecutorError::io(what, &error))?
    {
        Standing::Alive => Ok(true),
        Standing::Gone => Ok(false),
        Standing::AnotherBoot => Err(permanent(what, ANOTHER_BOOT)),
        Standing::AnotherNamespace => Err(permanent(what, ANOTHER_NAMESPACE)),
    }
}

const NOT_ADOPTED: &str = "a process's output and end reach the worker that started it alone: \
    another can't adopt it, only stop it";

const ANOTHER_BOOT: &str = "it belongs to another boot of this machine, and ended with it, \
    or to another machine";

const ANOTHER_NAMESPACE: &str = "it belongs to another PID namespace";

const NOT_A_HANDLE: &str = "this is not a handle of the process executor, \
    <boot id>:<pid>:<start time>:<PID namespace>";

fn parse(what: &str, handle: &Handle) -> Result<ProcessId, ExecutorError> {
    handle.0.parse().map_err(|_| permanent(what, NOT_A_HANDLE))
}
