//! The calls that this executor makes to an engine, each with a deadline, each about a container
//! by its id. Owns the translation of answers; decides nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as EngineError;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerStateStatusEnum as Status,
    ContainerSummary, NetworkConnectRequest, SystemInfo,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, InspectNetworkOptions,
    KillContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ExecutorError, Phase};
use tokio::sync::OnceCell;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::body::LogDriver;
use crate::connect::Connection;
use crate::dialect;
use crate::error::{executor_error, no_answer, status_of};

/// One engine.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub docker: Docker,
    address: Arc<str>,
    deadline: Duration,
    log_driver: Arc<OnceCell<LogDriver>>,
    is_podman: Arc<OnceCell<bool>>,
}

/// What an inspection shows of a container.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub id: String,
    /// None while it is being removed.
    pub phase: Option<Phase>,
    pub exit_code: Option<i64>,
    /// In the engine's words; empty if it was never started.
    pub started_at: String,
    pub oom_killed: bool,
    /// Its main process, as the engine's machine counts them.
    pub pid: Option<i64>,
    /// Why its start failed, in the engine's words.
    pub error: String,
    pub labels: HashMap<String, String>,
    /// The program, its environment and its folder, as the engine put them together.
    pub program: String,
    pub env: Vec<String>,
    pub working_directory: String,
    pub image: String,
    pub has_mounts: bool,
}

/// What came of a call that may find that the container is not there, or is in the way.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    Done(T),
    /// 404.
    Absent(ExecutorError),
    /// 409: its name is taken, it runs, it does not run, it is being removed; inspect it.
    Conflict(ExecutorError),
}

impl Engine {
    pub fn new(connection: Connection, deadline: Duration) -> Self {
        Self {
            docker: connection.docker,
            address: connection.address.into(),
            deadline,
            log_driver: Arc::default(),
            is_podman: Arc::default(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it may be on this machine.
    pub fn is_local(&self) -> bool {
        self.address.starts_with("unix:")
    }

    pub async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<Answer<String>, ExecutorError> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        let call = self.docker.create_container(Some(options), body);
        let answer = self.call(format!("create container {name}"), call).await?;
        Ok(match answer {
            Answer::Done(created) => Answer::Done(created.id),
            Answer::Absent(error) => Answer::Absent(error),
            Answer::Conflict(error) => Answer::Conflict(error),
        })
    }

    pub async fn connect(
        &self,
        network: &str,
        request: NetworkConnectRequest,
    ) -> Result<(), ExecutorError> {
        let attempted = format!("join network {network}");
        let call = self.docker.connect_network(network, request);
        done(self.call(attempted, call).await?)
    }

    /// Sends one start request. The caller sees to it that it is the only one for this id.
    pub async fn start(&self, id: &str) -> Result<(), (Option<u16>, ExecutorError)> {
        let attempted = format!("start container {}", short(id));
        let call = self
            .docker
            .start_container(id, None::<StartContainerOptions>);
        match timeout(self.deadline, call).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err((status_of(&error), executor_error(attempted, &error))),
            Err(_late) => Err((None, no_answer(attempted))),
        }
    }

    /// Looks at a container by its id or name; none if there is none.
    pub async fn inspect(&self, id: &str) -> Result<Option<Seen>, ExecutorError> {
        let attempted = format!("inspect container {}", short(id));
        let call = self
            .docker
            .inspect_container(id, None::<InspectContainerOptions>);
        let call = async { call.await.or_else(dialect::understood) };
        match self.ask(attempted, call).await? {
            Answer::Done(found) => Ok(Some(Seen::from(found))),
            Answer::Absent(_) => Ok(None),
            Answer::Conflict(error) => Err(error),
        }
    }

    pub async fn kill(&self, id: &str, signal: &str) -> Result<Answer<()>, ExecutorError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        let call = self.docker.kill_container(id, Some(options));
        self.ask(format!("send {signal} to container {}", short(id)), call)
            .await
    }

    /// Removes it without force: its success proves that it does not run and never will again.
    pub async fn remove(&self, id: &str) -> Result<Answer<()>, ExecutorError> {
        // With its anonymous volumes.
        let options = RemoveContainerOptionsBuilder::new()
            .v(true)
            .force(false)
            .build();
        let call = self.docker.remove_container(id, Some(options));
        self.ask(format!("remove container {}", short(id)), call)
            .await
    }

    /// Every container with that label, ended ones too.
    pub async fn list(&self, label: String) -> Result<Vec<ContainerSummary>, ExecutorError> {
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let call = self.docker.list_containers(Some(options));
        let call = async { call.await.or_else(dialect::understood) };
        done(self.ask("list containers".to_owned(), call).await?)
    }

    pub async fn info(&self) -> Result<SystemInfo, ExecutorError> {
        done(
            self.ask(
                "ask for the engine's identity".to_owned(),
                self.docker.info(),
            )
            .await?,
        )
    }

    /// Where it keeps what containers write: asked once, as it needs a restart to change.
    pub async fn log_driver(&self) -> Result<LogDriver, ExecutorError> {
        let ask = async || {
            let plugins = self.info().await?.plugins.and_then(|plugins| plugins.log);
            Ok(LogDriver::of(&plugins.unwrap_or_default()))
        };
        self.log_driver.get_or_try_init(ask).await.copied()
    }

    /// Whether it is podman behind its Docker-compatible socket, by its own word.
    pub async fn is_podman(&self) -> Result<bool, ExecutorError> {
        let ask = async || {
            let attempted = "ask for the engine's version".to_owned();
            let version = done(self.ask(attempted, self.docker.version()).await?)?;
            let components = version.components.unwrap_or_default();
            Ok(components.iter().any(|part| part.name == "Podman Engine"))
        };
        self.is_podman.get_or_try_init(ask).await.copied()
    }

    pub async fn has_image(&self, image: &str) -> Result<bool, ExecutorError> {
        let call = self.docker.inspect_image(image);
        let answer = self.ask(format!("look for image {image}"), call).await?;
        Ok(matches!(answer, Answer::Done(_)))
    }

    /// The id of a network; none if there is none.
    pub async fn network_id(&self, name: &str) -> Result<Option<String>, ExecutorError> {
        let call = self
            .docker
            .inspect_network(name, None::<InspectNetworkOptions>);
        match self.ask(format!("inspect network {name}"), call).await? {
            Answer::Done(network) => Ok(network.id),
            Answer::Absent(_) => Ok(None),
            Answer::Conflict(error) => Err(error),
        }
    }

    /// A call of which every parameter is ours, none a job's: a 400 can't be a job's fault. What
    /// stands between may be at odds with us (an engine that was upgraded, a gateway): that passes.
    async fn ask<T>(
        &self,
        attempted: String,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<Answer<T>, ExecutorError> {
        let answer = timeout(self.deadline, call).await;
        let is_refused = matches!(&answer, Ok(Err(error)) if status_of(error) == Some(400));
        match understood(attempted, answer) {
            Err(error) if is_refused => Err(ExecutorError {
                class: ErrorClass::Transient,
                ..error
            }),
            answer => answer,
        }
    }

    /// Any call, with the deadline.
    pub async fn call<T>(
        &self,
        attempted: String,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<Answer<T>, ExecutorError> {
        understood(attempted, timeout(self.deadline, call).await)
    }
}

fn understood<T>(
    attempted: String,
    answer: Result<Result<T, EngineError>, Elapsed>,
) -> Result<Answer<T>, ExecutorError> {
    match answer {
        Ok(Ok(answer)) => Ok(Answer::Done(answer)),
        Ok(Err(error)) => {
            let status = status_of(&error);
            let error = executor_error(attempted, &error);
            match status {
                Some(404) => Ok(Answer::Absent(error)),
                Some(409) => Ok(Answer::Conflict(error)),
                _ => Err(error),
            }
        }
        Err(_late) => Err(no_answer(attempted)),
    }
}

/// For calls in which 404 and 409 are nothing special.
fn done<T>(answer: Answer<T>) -> Result<T, ExecutorError> {
    match answer {
        Answer::Done(value) => Ok(value),
        Answer::Absent(error) | Answer::Conflict(error) => Err(error),
    }
}

/// An id as people know it.
pub(crate) fn short(id: &str) -> &str {
    match id.len() {
        // Names are shown whole.
        64 => id.get(..12).unwrap_or(id),
        _ => id,
    }
}

impl From<ContainerInspectResponse> for Seen {
    fn from(found: ContainerInspectResponse) -> Self {
        let state = found.state.unwrap_or_default();
        let config = found.config.unwrap_or_default();
        let started_at = state.started_at.filter(|time| has_happened(time));
        let started = started_at.is_some();
        let phase = match state.status {
            Some(Status::REMOVING) => None,
            Some(Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::STOPPING) => {
                Some(Phase::Running)
            }
            Some(Status::CREATED | Status::EXITED | Status::DEAD | Status::EMPTY) | None => {
                // By the start, not the status: a failed start leaves it *created*, and what
                // ended may be *dead*.
                Some(if started {
                    Phase::Exited
                } else {
                    Phase::Created
                })
            }
        };
        Self {
            id: found.id.unwrap_or_default(),
            phase,
            exit_code: state.exit_code,
            started_at: started_at.unwrap_or_default(),
            pid: state.pid.filter(|pid| *pid > 0),
            oom_killed: state.oom_killed.unwrap_or(false),
            error: state.error.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
            program: program(found.path, found.args.as_deref()),
            env: config.env.unwrap_or_default(),
            working_directory: config.working_dir.unwrap_or_default(),
            image: found.image.unwrap_or_default(),
            has_mounts: found.mounts.is_some_and(|mounts| !mounts.is_empty()),
        }
    }
}

/// The job's own program: podman names its init in front of it, and then `--`.
fn program(path: Option<String>, args: Option<&[String]>) -> String {
    let path = path.unwrap_or_default();
    match args {
        Some([dashes, program, ..]) if dashes == "--" && path.ends_with("-init") => program.clone(),
        _ => path,
    }
}

/// Engines write "never" as the year 1.
fn has_happened(time: &str) -> bool {
    !time.is_empty() && !time.starts_with("0001-01-01")
}
