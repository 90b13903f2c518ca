//! The executor's verbs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use longshore_core::InstanceId;
use longshore_core::attempt::{Exit, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Ended, Ensured, Executor, ExecutorError, Handle, LaunchRequest, Listed, Phase,
    Watch, check_capabilities,
};
use longshore_core::host::HostFacts;
use longshore_core::output::{OutputChunk, ResumePoint};
use longshore_core::usage::Sample;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{Container, ScriptedExecutor};

/// What the container writes, until it ends.
fn output(
    container: Arc<Container>,
) -> stream::BoxStream<'static, Result<OutputChunk, ExecutorError>> {
    let writes = container.script.writes.clone().into_iter().enumerate();
    let ended = container.exit.subscribe();
    stream::unfold(
        (writes, ended, container),
        |(mut writes, mut ended, container)| async move {
            assert!(!container.script.panics, "the script panics");
            let Some((index, (pause, stream, bytes))) = writes.next() else {
                let _ = ended.wait_for(Option::is_some).await;
                if container.script.output_stays_open {
                    std::future::pending::<()>().await;
                }
                return None;
            };
            if !pause.is_zero()
                && timeout(pause, ended.wait_for(Option::is_some))
                    .await
                    .is_ok()
            {
                return None;
            }
            container.written.send_replace(index + 1);
            let chunk = OutputChunk {
                stream,
                bytes,
                resume: Some(ResumePoint(index.to_string())),
            };
            Some((Ok(chunk), (writes, ended, container)))
        },
    )
    .boxed()
}

fn error(class: ErrorClass, attempted: &str) -> ExecutorError {
    ExecutorError::new(class, attempted, "as the script says")
}

#[async_trait]
impl Executor for ScriptedExecutor {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn host(&self) -> Result<HostFacts, ExecutorError> {
        let (hung, silent) = {
            let inner = self.lock();
            (inner.hung, inner.silent)
        };
        if hung {
            sleep(Duration::from_mins(1)).await;
        }
        if hung || silent {
            return Err(error(ErrorClass::Transient, "ask for the host"));
        }
        Ok(HostFacts {
            executor: self.kind.to_owned(),
            identity: self.host.clone(),
            boot_id: "boot".to_owned(),
            name: self.host.clone(),
        })
    }

    async fn ensure(&self, request: &LaunchRequest) -> Result<Ensured, ExecutorError> {
        let job = request.identity.job.0;
        check_capabilities("scripted", &self.capabilities, &request.spec).map_err(|refusal| {
            ExecutorError::new(ErrorClass::Permanent, "create", refusal.to_string())
        })?;
        let script = {
            let mut inner = self.lock();
            let script = inner.scripts.entry(job).or_default();
            let now = script.clone();
            script.superseded = false;
            script.finds = None;
            if !script.ensure_errors.is_empty() {
                let class = script.ensure_errors.remove(0);
                return Err(error(class, "create"));
            }
            now
        };
        sleep(script.ensure_takes).await;
        if script.superseded {
            return Ok(Ensured::Superseded);
        }
        let handle = Handle(request.identity.container_name());
        let finds = script.finds;
        let known = self.lock().containers.get(&handle).cloned();
        match known.map(|container| *container.phase.lock().expect("no panic inside")) {
            Some(Phase::Running) => return Ok(Ensured::Running(handle)),
            Some(Phase::Exited) => return Ok(Ensured::Exited(handle)),
            Some(Phase::Created) | None => {}
        }
        let container = Arc::new(Container {
            request: request.clone(),
            script,
            phase: Mutex::new(Phase::Created),
            exit: watch::Sender::new(None),
            written: watch::Sender::new(0),
        });
        let revealed = request
            .env
            .iter()
            .map(|(key, value)| (key.clone(), value.reveal().to_owned()));
        let mut inner = self.lock();
        inner.env.insert(job, revealed.collect());
        inner
            .containers
            .insert(handle.clone(), Arc::clone(&container));
        drop(inner);
        let Some(phase) = finds else {
            self.journal.note(format!("create {job}"));
            return Ok(Ensured::Created(handle));
        };
        self.run(&container);
        if phase == Phase::Exited {
            self.ended(&container, container.script.exit);
            return Ok(Ensured::Exited(handle));
        }
        Ok(Ensured::Running(handle))
    }

    async fn watch(
        &self,
        handle: &Handle,
        _from: Option<&ResumePoint>,
    ) -> Result<Watch, ExecutorError> {
        let container = self.container(handle, "watch")?;
        self.journal.note(format!("watch {}", container.job()));
        let mut exit = container.exit.subscribe();
        let script = container.script.clone();
        let end = async move {
            let ended = async {
                if script.end_is_never_told {
                    std::future::pending::<()>().await;
                }
                let exit = exit
                    .wait_for(Option::is_some)
                    .await
                    .expect("the container is kept");
                exit.expect("it was waited for")
            };
            let usage = Usage::default();
            match script.watch_breaks_after {
                None => Ok(Ended {
                    exit: ended.await,
                    usage,
                }),
                Some(time) => match timeout(time, ended).await {
                    Ok(exit) => Ok(Ended { exit, usage }),
                    Err(_) => Err(error(ErrorClass::Transient, "wait")),
                },
            }
        };
        Ok(Watch {
            output: output(container),
            end: end.boxed(),
        })
    }

    async fn start(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.container(handle, "start")?;
        let (job, script) = (container.job(), container.script.clone());
        self.journal.note(format!("start {job}"));
        if let Some(class) = script.start_error {
            self.lock().scripts.entry(job).or_default().start_error = None;
            if !script.starts_all_the_same {
                return Err(error(class, "start"));
            }
        }
        self.run(&container);
        match script.start_error {
            Some(class) => Err(error(class, "start")),
            None => Ok(()),
        }
    }

    async fn stop(&self, handle: &Handle, grace: Duration) -> Result<(), ExecutorError> {
        let container = self.container(handle, "stop")?;
        let job = container.job();
        self.journal
            .note(format!("stop {job} {}s", grace.as_secs()));
        {
            let mut inner = self.lock();
            let script = inner.scripts.entry(job).or_default();
            if script.stop_errors > 0 {
                script.stop_errors -= 1;
                return Err(error(ErrorClass::Transient, "stop"));
            }
        }
        if container.script.ignores_term {
            let mut exit = container.exit.subscribe();
            let _ = timeout(grace, exit.wait_for(Option::is_some)).await;
            self.ended(&container, Exit::by_signal(9));
        } else {
            self.ended(&container, Exit::by_signal(15));
        }
        Ok(())
    }

    async fn usage(&self, _handle: &Handle) -> Result<Sample, ExecutorError> {
        Ok(self.lock().sample)
    }

    async fn list(&self, _instance: &InstanceId) -> Result<Vec<Listed>, ExecutorError> {
        let inner = self.lock();
        if inner.blind {
            return Err(error(ErrorClass::Transient, "list"));
        }
        let listed = inner.containers.iter().map(|(handle, container)| Listed {
            handle: handle.clone(),
            identity: container.request.identity.clone(),
            phase: container.phase(),
        });
        Ok(listed.collect())
    }

    async fn forget(&self, handle: &Handle) -> Result<(), ExecutorError> {
        let container = self.container(handle, "remove")?;
        if container.phase() == Phase::Running {
            return Err(error(ErrorClass::Permanent, "remove a running container"));
        }
        {
            let mut inner = self.lock();
            let script = inner.scripts.entry(container.job()).or_default();
            if script.forget_errors > 0 {
                script.forget_errors -= 1;
                return Err(error(ErrorClass::Transient, "remove"));
            }
        }
        self.journal.note(format!("forget {}", container.job()));
        self.lock().containers.remove(handle);
        Ok(())
    }
}
