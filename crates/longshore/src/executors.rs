//! What this machine can run: the executors that this binary has, wired by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_core::executor::Executor;
use longshore_core::store::{Finding, Severity};
use longshore_docker::connect::{self, ConnectError, Connection};
use longshore_docker::images::{Credentials, Login, Password};
use longshore_docker::{AllowList, DockerConfig, DockerExecutor, LateDockerExecutor};
use longshore_process::{ProcessExecutor, ShimCommand};

use crate::args::EngineArgs;
use crate::commands::found;
use crate::config;
use crate::exit::{self, Refused};

/// The hidden subcommand under which this binary is the shim of a job (`longshore_process::shim`).
pub const SHIM: &str = "process-shim";

/// What this machine can run.
pub struct Found {
    /// One for each host that answered: this machine itself, and each container engine.
    pub executors: Vec<Arc<dyn Executor>>,
    /// The engines among them.
    pub engines: Vec<Connection>,
    /// The engines that did not.
    pub missing: Vec<Missing>,
}

/// An engine that can't be used.
pub struct Missing {
    /// Where it was looked for, if that was said.
    pub address: Option<String>,
    /// What is wrong, and what to do about it.
    pub error: ConnectError,
}

/// Looks for everything that this machine can run on.
pub async fn find(docker: &config::DockerConfig, asked: &EngineArgs) -> anyhow::Result<Found> {
    let mut executors: Vec<Arc<dyn Executor>> = vec![Arc::new(process())];
    let (mut engines, mut missing) = (Vec::new(), Vec::new());
    let settings = settings(docker)?;
    for address in addresses(docker, asked) {
        match connect::connect(address.as_deref()).await {
            Ok(connection) => {
                engines.push(connection.clone());
                let executor = DockerExecutor::new(connection, settings.clone());
                executors.push(Arc::new(executor));
            }
            Err(error) => missing.push(Missing { address, error }),
        }
    }
    Ok(Found {
        executors,
        engines,
        missing,
    })
}

/// The same, for whoever is to take jobs. An engine that nobody named need not be there; of those
/// that were named one has to answer, and what keeps the others away has to be of the kind that
/// passes: they are tried again while the worker runs.
pub async fn to_work_with(
    docker: &config::DockerConfig,
    asked: &EngineArgs,
) -> anyhow::Result<Vec<Arc<dyn Executor>>> {
    let Found {
        mut executors,
        missing,
        ..
    } = find(docker, asked).await?;
    let answers = has_engine(&executors);
    for Missing { address, error } in missing {
        let Some(address) = address else {
            tracing::debug!(error = %error, "no container engine");
            continue;
        };
        if !answers || !error.is_transient() {
            return Err(Refused::unavailable(error.to_string()).into());
        }
        tracing::warn!(
            problem = error.in_one_line(),
            "a container engine does not answer: tried again later"
        );
        let late = LateDockerExecutor::new(Some(address), settings(docker)?);
        executors.push(Arc::new(late));
    }
    Ok(executors)
}

/// The same for a worker, which may have been started before its engine: where nobody named one, the
/// usual one is tried again while the worker runs, which meanwhile serves what needs none. Also
/// what people are told of that.
pub async fn to_serve_with(
    docker: &config::DockerConfig,
    asked: &EngineArgs,
) -> anyhow::Result<(Vec<Arc<dyn Executor>>, Option<&'static str>)> {
    let mut executors = to_work_with(docker, asked).await?;
    if has_engine(&executors) {
        return Ok((executors, None));
    }
    let late = LateDockerExecutor::new(None, settings(docker)?);
    executors.push(Arc::new(late));
    let note = "no container engine answers, so jobs with an image are not taken here until one does; \
                `longshore doctor` says where it was looked for";
    Ok((executors, Some(note)))
}

fn has_engine(executors: &[Arc<dyn Executor>]) -> bool {
    executors.iter().any(|e| e.kind() == longshore_docker::KIND)
}

/// This machine itself, for what needs no engine.
pub fn process() -> ProcessExecutor {
    ProcessExecutor::new(ShimCommand::of_this_program([SHIM]))
}

/// What `doctor` says of them.
pub async fn findings(docker: &config::DockerConfig) -> Vec<Finding> {
    let asked = EngineArgs::of_environment();
    let found = match find(docker, &asked).await {
        Ok(found) => found,
        Err(error) => {
            let advice = "mend the section [docker] of the configuration";
            return vec![self::found(
                Severity::Problem,
                "executor docker",
                error.to_string(),
                advice,
            )];
        }
    };
    let mut findings = Vec::new();
    for executor in &found.executors {
        findings.push(of_executor(&**executor).await);
    }
    for engine in &found.engines {
        let seen = engine.describe().await;
        findings.push(self::found(Severity::Ok, "container engine", seen, ""));
    }
    for Missing { address, error } in found.missing {
        // Who has named none may well want none.
        let severity = match address {
            Some(_) => Severity::Problem,
            None => Severity::Warning,
        };
        let advice = "until it answers, jobs with an image are not run from this machine";
        findings.push(self::found(
            severity,
            "executor docker",
            exit::joined(&error.to_string()),
            advice,
        ));
    }
    findings
}

async fn of_executor(executor: &dyn Executor) -> Finding {
    let subject = format!("executor {}", executor.kind());
    match executor.host().await {
        Ok(host) => {
            let can = executor.capabilities().0.iter();
            let can: Vec<String> = can.map(|c| format!("{c:?}")).collect();
            let can = can.join(", ");
            let seen = format!("{} ({}); can: {can}", host.name, host.identity);
            found(Severity::Ok, &subject, seen, "")
        }
        Err(error) => {
            let advice = "jobs of queues with this executor can't run on this machine";
            found(Severity::Problem, &subject, error.to_string(), advice)
        }
    }
}

/// The engines that were named; or none, for the one that the `docker` command would use.
fn addresses(docker: &config::DockerConfig, asked: &EngineArgs) -> Vec<Option<String>> {
    let configured = || docker.hosts.clone().unwrap_or_default();
    let named = match &asked.docker_hosts[..] {
        [] => configured(),
        asked => asked.to_vec(),
    };
    if named.is_empty() {
        return vec![None];
    }
    named.into_iter().map(Some).collect()
}

fn settings(docker: &config::DockerConfig) -> anyhow::Result<DockerConfig> {
    let mut logins = BTreeMap::new();
    for (registry, login) in &docker.registries {
        let login = Login {
            username: login.username.clone(),
            password: password(registry, login)?,
        };
        logins.insert(registry.clone(), login);
    }
    Ok(DockerConfig {
        allow: AllowList {
            bind_prefixes: docker.binds.clone(),
            host_network: docker.host_network,
            devices: docker.devices.clone(),
            privileged: docker.privileged,
        },
        credentials: Credentials::with_dockers_own(logins),
        ..DockerConfig::default()
    })
}

fn password(registry: &str, login: &config::RegistryConfig) -> anyhow::Result<Password> {
    let key = format!("docker.registries.{registry:?}");
    let text = match (&login.password, &login.password_file) {
        (Some(password), None) => password.0.clone(),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                let file = file.display();
                Refused::usage(format!("{key}: the file {file} can't be read: {error}"))
            })?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
        (None, None) | (Some(_), Some(_)) => {
            let problem = format!("{key} needs a password or a password_file, one of the two");
            return Err(Refused::usage(problem).into());
        }
    };
    Ok(Password::from(text))
}
