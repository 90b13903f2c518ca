//! An executor whose jobs do nothing and end at once, in this process: what is left to measure is
//! the queue. Its jobs die with the worker, and it says so by declaring nothing else.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use longshore_core::InstanceId;
use longshore_core::attempt::{Exit, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, ContainerIdentity, Ended, Ensured, Executor, ExecutorError, Handle,
    LaunchRequest, Listed, Phase, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use tokio::sync::watch;

/// The kind that the bench's queue names.
pub const KIND: &str = "noop";

/// Runs nothing.
pub struct NoopExecutor {
    capabilities: Capabilities,
    jobs: Mutex<HashMap<Handle, Job>>,
}

struct Job {
    identity: ContainerIdentity,
    ended: watch::Sender<bool>,
}

impl NoopExecutor {
    /// An executor without jobs.
    pub fn new() -> Self {
        Self {
            capabilities: Capabilities::of([Capability::Commands]),
            jobs: Mutex::default(),
        }
    }

    fn with_job<T>(
        &self,
        handle: &Handle,
        act: impl FnOnce(&Job) -> T,
    ) -> Result<T, ExecutorError> {
        let jobs = self.jobs.lock().expect("nobody panics while holding it");
        jobs.get(handle).map(act).ok_or_else(|| {
            ExecutorError::new(
                ErrorClass::Permanent,
                "looking up a no-op job",
                "it is not there",
            )
        })
    }
}

#[async_trait]
impl Executor for NoopExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        Ok(HostFacts {
            executor: KIND.to_owned(),
            identity: format!("noop-{}", std::process::id()),
            boot_id: std::process::id().to_string(),
            name: "bench".to_owned(),
        })
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        let handle = Handle(request.identity.container_name());
        let job = Job {
            identity: request.identity.clone(),
            ended: watch::Sender::new(false),
        };
        let mut jobs = self.jobs.lock().expect("nobody panics while holding it");
        jobs.insert(handle.clone(), job);
        Ok(Ensured::Created(handle))
    }

    async fn watch(
        &self,
        handle: &Handle,
        _from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        let mut ended = self.with_job(handle, |job| job.ended.subscribe())?;
        let end = async move {
            // A sender that is gone was forgotten, which only an ended job is.
            let _gone = ended.wait_for(|ended| *ended).await;
            Ok(Ended {
                exit: Exit::with_code(0),
                usage: Usage::default(),
            })
        };
        Ok(Watch {
            output: stream::empty().boxed(),
            end: end.boxed(),
        })
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.with_job(handle, |job| job.ended.send_replace(true))
            .map(drop)
    }

    async fn stop(&self, handle: &Handle, _grace: Duration) -> Result<(), ExecutorError> {
        self.start(handle).await
    }

    async fn usage(&self, _handle: &Handle) -> Result<Sample, ExecutorError> {
        Ok(Sample::default())
    }

    async fn list(&self, _instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let jobs = self.jobs.lock().expect("nobody panics while holding it");
        let listed = jobs.iter().map(|(handle, job)| Listed {
            handle: handle.clone(),
            identity: job.identity.clone(),
            phase: if *job.ended.borrow() {
                Phase::Exited
            } else {
                Phase::Created
            },
        });
        Ok(listed.collect())
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.jobs
            .lock()
            .expect("nobody panics while holding it")
            .remove(handle);
        Ok(())
    }
}
