//! An executor whose jobs do nothing and end at once, in this process: what is left to measure is
//! the queue. Its jobs die with the worker, and it says so. They write
//! START and END like any witness, and tell the benchmark of themselves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use longshore_core::attempt::{Exit, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, ContainerIdentity, Ended, Ensured, Executor, ExecutorError, Handle,
    LaunchRequest, Listed, Phase, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use longshore_core::{InstanceId, JobId};
use longshore_history::Mark;
use tokio::sync::watch;

use super::witness::WitnessFile;

/// The kind that the bench's queues name.
pub const KIND: &str = "noop";

/// What the jobs tell the benchmark while it runs, and are told; their witness is what is judged.
#[derive(Clone, Default)]
pub struct Told {
    /// The job that was started last, and when.
    pub started: Arc<watch::Sender<Option<(JobId, Instant)>>>,
    /// How many have ended.
    pub ended: Arc<watch::Sender<u64>>,
    /// How many run.
    pub running: Arc<watch::Sender<u64>>,
    /// While this is true, none ends.
    pub holds: Arc<watch::Sender<bool>>,
}

/// Runs nothing.
pub struct NoopExecutor {
    capabilities: Capabilities,
    jobs: Mutex<HashMap<Handle, Arc<Job>>>,
    witness: Arc<WitnessFile>,
    told: Told,
}

struct Job {
    identity: ContainerIdentity,
    is_started: watch::Sender<bool>,
    /// So that an end that is watched twice is written once.
    has_ended: AtomicBool,
}

impl NoopExecutor {
    /// An executor without jobs.
    pub fn new(witness: Arc<WitnessFile>, told: Told) -> Self {
        Self {
            capabilities: Capabilities::of([Capability::Commands, Capability::InProcess]),
            jobs: Mutex::default(),
            witness,
            told,
        }
    }

    fn job(&self, handle: &Handle) -> Result<Arc<Job>, ExecutorError> {
        let jobs = self.jobs.lock().expect("nobody panics while holding it");
        jobs.get(handle)
            .cloned()
            .ok_or_else(|| failed("looking up a no-op job", &"it is not there"))
    }
}

fn failed(doing: &'static str, problem: &dyn std::fmt::Display) -> ExecutorError {
    ExecutorError::new(ErrorClass::Permanent, doing, problem.to_string())
}

fn write(witness: &WitnessFile, mark: Mark, job: &Job) -> Result<(), ExecutorError> {
    let written = witness.note(mark, job.identity.job, job.identity.attempt);
    written.map_err(|error| failed("writing what a no-op job witnesses", &error))
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
            is_started: watch::Sender::new(false),
            has_ended: AtomicBool::new(false),
        };
        let mut jobs = self.jobs.lock().expect("nobody panics while holding it");
        jobs.insert(handle.clone(), Arc::new(job));
        Ok(Ensured::Created(handle))
    }

    async fn watch(
        &self,
        handle: &Handle,
        _from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        let job = self.job(handle)?;
        let (witness, told) = (Arc::clone(&self.witness), self.told.clone());
        let end = async move {
            let mut started = job.is_started.subscribe();
            // The sender is the job's own, and this holds the job.
            let _never_gone = started.wait_for(|started| *started).await.is_ok();
            // The benchmark's, and this has a share of it.
            let mut holds = told.holds.subscribe();
            let _never_gone = holds.wait_for(|holds| !*holds).await.is_ok();
            if !job.has_ended.swap(true, Ordering::Relaxed) {
                write(&witness, Mark::End, &job)?;
                told.running.send_modify(|running| *running -= 1);
                told.ended.send_modify(|ended| *ended += 1);
            }
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
        let job = self.job(handle)?;
        write(&self.witness, Mark::Start, &job)?;
        let now = (job.identity.job, Instant::now());
        self.told.started.send_replace(Some(now));
        self.told.running.send_modify(|running| *running += 1);
        job.is_started.send_replace(true);
        Ok(())
    }

    /// There is nothing to stop: what was started has ended.
    async fn stop(&self, handle: &Handle, _grace: Duration) -> Result<(), ExecutorError> {
        self.job(handle).map(drop)
    }

    async fn usage(&self, _handle: &Handle) -> Result<Sample, ExecutorError> {
        Ok(Sample::default())
    }

    async fn list(&self, _instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let jobs = self.jobs.lock().expect("nobody panics while holding it");
        let listed = jobs.iter().map(|(handle, job)| Listed {
            handle: handle.clone(),
            identity: job.identity.clone(),
            phase: if *job.is_started.borrow() {
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
