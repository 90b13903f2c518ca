//! The [`Executor`] trait, as a script says it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::InstanceId;
use longshore_core::attempt::Exit;
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, ContainerIdentity, Ensured, Executor, ExecutorError, Fate, Handle, LaunchRequest,
    Listed, Phase, Watch,
};
use longshore_core::host::HostFacts;
use longshore_core::output::ResumePoint;
use longshore_core::usage::Sample;
use longshore_history::Mark;

use super::container::Container;
use super::{Happening, ScriptedExecutor, no_such_container};

#[async_trait]
impl Executor for ScriptedExecutor {
    fn kind(&self) -> &'static str {
        self.inner.kind
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        Ok(self.inner.host.clone())
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        let script = (self.inner.decide)(request);
        script.create_gate.passed().await;
        let mut state = self.inner.state();
        let name = request.identity.container_name();
        let there = state
            .containers
            .iter()
            .find(|(_, container)| container.identity.container_name() == name)
            .map(|(handle, container)| (handle.clone(), Arc::clone(container)));
        if let Some((handle, container)) = there {
            if container.identity.token > request.identity.token {
                return Ok(Ensured::Superseded);
            }
            match container.phase() {
                Phase::Running => return Ok(Ensured::Running(handle)),
                Phase::Exited => return Ok(Ensured::Exited(handle)),
                Phase::Created => {
                    state.containers.remove(&handle);
                    self.inner
                        .note(&mut state, Happening::Forgotten(container.run));
                }
            }
        }
        if let Some(failure) = &script.create_failure {
            return Err(failure.error(format!("create container {name}")));
        }
        state.created += 1;
        let handle = Handle(format!("{name}.{}", state.created));
        let container = Container::new(request.identity.clone(), script);
        let run = container.run;
        state.containers.insert(handle.clone(), Arc::new(container));
        self.inner.note(&mut state, Happening::Created(run));
        Ok(Ensured::Created(handle))
    }

    async fn watch(
        &self,
        handle: &Handle,
        from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        self.inner.find("watch", handle)?.watch(from)
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.inner.find("start", handle)?;
        container.script.start_gate.passed().await;
        {
            let mut state = self.inner.state();
            if !state.containers.contains_key(handle) {
                // Removed while its start was on its way.
                return Err(no_such_container("start", handle));
            }
            if !container.claim_start() {
                let misuse = "a second start of one container";
                self.inner
                    .note(&mut state, Happening::Misuse(container.run, misuse));
                let attempted = format!("start {handle}");
                return Err(ExecutorError::new(ErrorClass::Permanent, attempted, misuse));
            }
            if let Some(failure) = &container.script.start_failure {
                return Err(failure.error(format!("start {handle}")));
            }
            state.live.insert(handle.clone());
            state.max_live = state.max_live.max(state.live.len());
            container.has_started();
            self.inner.mark(Mark::Start, container.run);
            self.inner
                .note(&mut state, Happening::Started(container.run));
        }
        // Owned by its container's end: it runs no longer than what it plays.
        let (inner, handle) = (Arc::clone(&self.inner), handle.clone());
        tokio::spawn(async move {
            let exit = container.play().await;
            inner.ended(&container, &handle, exit);
        });
        Ok(())
    }

    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        let container = self.inner.find("stop", handle)?;
        {
            let mut state = self.inner.state();
            match container.phase() {
                Phase::Running => {
                    let stopping = Happening::Stopping(container.run);
                    self.inner.note(&mut state, stopping);
                }
                Phase::Exited => return Ok(()),
                // It is removed, so that no later start can run it.
                Phase::Created => {
                    state.containers.remove(handle);
                    let forgotten = Happening::Forgotten(container.run);
                    self.inner.note(&mut state, forgotten);
                    return Ok(());
                }
            }
        }
        if !container.script.ignores_term {
            container.ask_to_end(Exit::by_signal(15));
        } else if tokio::time::timeout(grace, container.until_ended())
            .await
            .is_err()
        {
            container.ask_to_end(Exit::by_signal(9));
        }
        container.until_ended().await;
        Ok(())
    }

    async fn usage(&self, handle: &Handle) -> Result<Sample, ExecutorError> {
        let usage = self.inner.find("measure", handle)?.script.usage;
        Ok(Sample {
            usage,
            memory_bytes: usage.peak_memory_bytes,
        })
    }

    async fn list(&self, instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let state = self.inner.state();
        let of_instance = state
            .containers
            .iter()
            .filter(|(_, c)| c.identity.instance == *instance);
        Ok(of_instance
            .map(|(handle, container)| Listed {
                handle: handle.clone(),
                identity: container.identity.clone(),
                phase: container.phase(),
            })
            .collect())
    }

    async fn fate(
        &self,
        handle: &Handle,
        _identity: &ContainerIdentity,
        host: &str,
    ) -> Result<Fate, ExecutorError> {
        if host != self.inner.host.identity {
            let here = &self.inner.host.identity;
            return Ok(Fate::Unknown(format!(
                "it was launched on {host}, not {here}"
            )));
        }
        let state = self.inner.state();
        let found = state.containers.get(handle);
        Ok(found.map_or(Fate::Gone, |container| container.phase().into()))
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let mut state = self.inner.state();
        let Some(container) = state.containers.get(handle).cloned() else {
            return Ok(());
        };
        if container.phase() == Phase::Running {
            let attempted = format!("remove {handle}");
            return Err(ExecutorError::new(
                ErrorClass::Permanent,
                attempted,
                "it runs",
            ));
        }
        state.containers.remove(handle);
        self.inner
            .note(&mut state, Happening::Forgotten(container.run));
        Ok(())
    }
}
