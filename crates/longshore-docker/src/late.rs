//! An engine that does not answer yet: connected to when it does.
//!
//! A worker that serves several engines starts while one of them is away. Nothing is launched on an
//! engine before it has said which host it is, so asking for the host is what connects; whatever
//! is asked before that is answered as an engine that can't be reached.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::InstanceId;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, ContainerIdentity, Ensured, Executor, ExecutorError, Fate, Handle, LaunchRequest,
    Listed, Tell, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use tokio::sync::OnceCell;

use crate::config::DockerConfig;
use crate::connect::connect;
use crate::executor::{DockerExecutor, KIND, capabilities};

/// Launches containers through an engine that need not be there yet.
#[derive(Debug)]
pub struct LateDockerExecutor {
    address: Option<String>,
    config: DockerConfig,
    capabilities: Capabilities,
    connected: OnceCell<DockerExecutor>,
}

impl LateDockerExecutor {
    /// An executor for the engine at this address or, without one, for that which the `docker`
    /// command would use; whenever it answers.
    pub fn new(address: Option<String>, config: DockerConfig) -> Self {
        Self {
            address,
            config,
            capabilities: capabilities(),
            connected: OnceCell::new(),
        }
    }

    async fn engine(&self) -> Result<&DockerExecutor, ExecutorError> {
        let connect = async || {
            let connection = connect(self.address.as_deref()).await.map_err(|error| {
                let class = if error.is_transient() {
                    ErrorClass::Transient
                } else {
                    ErrorClass::Permanent
                };
                let usual = "the container engine of this machine";
                let attempted = format!("connect to {}", self.address.as_deref().unwrap_or(usual));
                ExecutorError::new(class, attempted, error.in_one_line())
            })?;
            Ok(DockerExecutor::new(connection, self.config.clone()))
        };
        self.connected.get_or_try_init(connect).await
    }
}

#[async_trait]
impl Executor for LateDockerExecutor {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        self.engine().await?.host().await
    }

    async fn prepare(&self, request: &LaunchRequest, tell: Tell) -> Result<(), ExecutorError> {
        self.engine().await?.prepare(request, tell).await
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        self.engine().await?.ensure(request).await
    }

    async fn watch(
        &self,
        handle: &Handle,
        from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        self.engine().await?.watch(handle, from).await
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.engine().await?.start(handle).await
    }

    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        self.engine().await?.stop(handle, grace).await
    }

    async fn usage(&self, handle: &Handle) -> Result<Sample, ExecutorError> {
        self.engine().await?.usage(handle).await
    }

    async fn list(&self, instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        self.engine().await?.list(instance).await
    }

    async fn fate(
        &self,
        handle: &Handle,
        identity: &ContainerIdentity,
        host: &str,
    ) -> Result<Fate, ExecutorError> {
        self.engine().await?.fate(handle, identity, host).await
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        self.engine().await?.forget(handle).await
    }
}
