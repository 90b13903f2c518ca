//! Calls to an executor, each in a task of its own: a supervising task that is dropped never cuts
//! a create or a start in two, and a panic in an executor is an error of that one call (of one whose jobs are
//! code of this process, in no task: ADR 0014). Each is counted
//! with its time, in the task itself: also one whose caller has gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use longshore_core::InstanceId;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capability, ContainerIdentity, Ensured, Executor, ExecutorError, Fate, Handle, LaunchRequest,
    Listed, Tell, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::attempt::message;
use crate::metrics::{EngineMeters, Operation};

/// How long a host may take to say which it is: one that is well answers within milliseconds.
/// Shorter than the executor's own deadlines, which are for calls that do something.
const HOST_DEADLINE: Duration = Duration::from_secs(10);

type Answer<T> = Result<T, ExecutorError>;

/// A call as its metrics and its errors name it.
type Call = (Operation, &'static str);

/// Ends a task with whoever waits for it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An executor whose calls nobody cancels halfway.
#[derive(Clone)]
pub(crate) struct Calls {
    executor: Arc<dyn Executor>,
    meters: Arc<EngineMeters>,
}

impl Calls {
    pub fn to(executor: Arc<dyn Executor>) -> Self {
        let meters = Arc::new(EngineMeters::of(executor.kind()));
        Self { executor, meters }
    }

    /// Whether both call the same executor.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.executor, &other.executor)
    }

    pub fn kind(&self) -> &'static str {
        self.executor.kind()
    }

    /// Whether its containers go on without this worker.
    pub fn survives_worker(&self) -> bool {
        self.executor.capabilities().has(Capability::SurvivesWorker)
    }

    /// Whether its jobs are code of this very process.
    pub fn is_in_process(&self) -> bool {
        self.executor.capabilities().has(Capability::InProcess)
    }

    /// Within [`HOST_DEADLINE`]: one that takes longer counts as silent.
    pub async fn host(&self) -> Answer<HostFacts> {
        let attempted = "ask for the host";
        let asked = self.owned((Operation::Host, attempted), |executor| async move {
            executor.host().await
        });
        timeout(HOST_DEADLINE, asked).await.unwrap_or_else(|_late| {
            let problem = format!("no answer within {} s", HOST_DEADLINE.as_secs());
            Err(ExecutorError::new(
                ErrorClass::Transient,
                attempted,
                problem,
            ))
        })
    }

    /// Dropped, it ends what was begun for this launch alone.
    pub async fn prepare(&self, request: LaunchRequest, tell: Tell) -> Answer<()> {
        let (executor, meters) = (Arc::clone(&self.executor), Arc::clone(&self.meters));
        let whole = async move {
            let begun = Instant::now();
            let answer = executor.prepare(&request, tell).await;
            meters.called(Operation::Prepare, begun.elapsed(), &answer);
            answer
        };
        let mut task = tokio::spawn(whole.in_current_span());
        let _ended_with_us = AbortOnDrop(task.abort_handle());
        match (&mut task).await {
            Ok(answer) => answer,
            Err(join_error) => {
                let problem = join_error.to_string();
                let attempted = "make a launch ready";
                Err(ExecutorError::new(ErrorClass::Unknown, attempted, problem))
            }
        }
    }

    pub async fn ensure(&self, request: LaunchRequest) -> Answer<Ensured> {
        self.owned(
            (Operation::Ensure, "create a container"),
            |executor| async move { executor.ensure(&request).await },
        )
        .await
    }

    pub async fn watch(&self, handle: &Handle, from: Option<ResumePoint>) -> Answer<Watch> {
        let handle = handle.clone();
        self.owned(
            (Operation::Watch, "watch a container"),
            |executor| async move { executor.watch(&handle, from.as_ref()).await },
        )
        .await
    }

    pub async fn start(&self, handle: &Handle) -> Answer<()> {
        let handle = handle.clone();
        self.owned(
            (Operation::Start, "start a container"),
            |executor| async move { executor.start(&handle).await },
        )
        .await
    }

    pub async fn stop(&self, handle: &Handle, grace: Duration) -> Answer<()> {
        let handle = handle.clone();
        self.owned(
            (Operation::Stop, "stop a container"),
            move |executor| async move { executor.stop(&handle, grace).await },
        )
        .await
    }

    pub async fn list(&self, instance: &InstanceId) -> Answer<Vec<Listed>> {
        let instance = instance.clone();
        self.owned(
            (Operation::List, "list containers"),
            |executor| async move { executor.list(&instance).await },
        )
        .await
    }

    /// Whether it can do that.
    pub fn has(&self, capability: Capability) -> bool {
        self.executor.capabilities().has(capability)
    }

    pub async fn fate(
        &self,
        handle: &Handle,
        identity: ContainerIdentity,
        host: String,
    ) -> Answer<Fate> {
        let handle = handle.clone();
        self.owned(
            (Operation::Fate, "look what became of a container"),
            |executor| async move { executor.fate(&handle, &identity, &host).await },
        )
        .await
    }

    pub async fn usage(&self, handle: &Handle) -> Answer<Sample> {
        let handle = handle.clone();
        self.owned(
            (Operation::Usage, "measure a container"),
            |executor| async move { executor.usage(&handle).await },
        )
        .await
    }

    pub async fn forget(&self, handle: &Handle) -> Answer<()> {
        let handle = handle.clone();
        self.owned(
            (Operation::Forget, "remove a container"),
            |executor| async move { executor.forget(&handle).await },
        )
        .await
    }

    async fn owned<T, F, Fut>(&self, (operation, attempted): Call, call: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(Arc<dyn Executor>) -> Fut,
        Fut: Future<Output = Answer<T>> + Send + 'static,
    {
        let (call, meters) = (call(Arc::clone(&self.executor)), Arc::clone(&self.meters));
        let whole = async move {
            let begun = Instant::now();
            let answer = call.await;
            meters.called(operation, begun.elapsed(), &answer);
            answer
        };
        let panicked = |problem| Err(ExecutorError::new(ErrorClass::Unknown, attempted, problem));
        if self.is_in_process() {
            // Half of it is nothing that another could find, and a task costs more than most such calls.
            let whole = AssertUnwindSafe(whole).catch_unwind().await;
            return whole.unwrap_or_else(|panic| panicked(message(panic.as_ref()).to_owned()));
        }
        let task = tokio::spawn(whole.in_current_span()).await;
        task.unwrap_or_else(|join_error| panicked(join_error.to_string()))
    }
}
