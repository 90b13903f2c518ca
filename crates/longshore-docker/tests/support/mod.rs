//! The Docker executor as the testkit takes it, on the engine that `LONGSHORE_TEST_DOCKER` names.
//!
//! Without that variable tests say that they are skipped, and pass; in CI they fail.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use longshore_core::executor::Executor;
use longshore_core::spec::JobSpec;
use longshore_docker::connect::Connection;
use longshore_docker::{AllowList, DockerConfig, DockerExecutor};
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::scene::Scene;
use longshore_testkit::skip::skipped;

/// Where the tests' engine listens.
pub const ENGINE: &str = "LONGSHORE_TEST_DOCKER";
/// Where the tests' podman listens.
pub const PODMAN: &str = "LONGSHORE_TEST_PODMAN";
/// A local image with a shell, and the folders of its applets on the `PATH`.
pub const IMAGE: &str = "busybox:local";

/// Jobs as containers of the tests' engine.
#[derive(Clone, Debug)]
pub struct Containers {
    address: String,
    config: DockerConfig,
    differences: &'static [&'static str],
}

/// What podman is known to do otherwise, by case; `docs/podman.md` says why.
pub const DIFFERENCES_OF_PODMAN: &[&str] = &["limits::what_was_killed_for_memory_is_flagged"];

impl Containers {
    /// None where there is no engine: then it says which test is skipped.
    pub fn found() -> Option<Self> {
        Self::named_by(ENGINE)
    }

    /// The same on podman.
    pub fn on_podman() -> Option<Self> {
        let podman = Self::named_by(PODMAN)?;
        Some(Self {
            differences: DIFFERENCES_OF_PODMAN,
            ..podman
        })
    }

    fn named_by(variable: &str) -> Option<Self> {
        if let Ok(address) = std::env::var(variable) {
            return Some(Self::at(address));
        }
        skipped(&format!("{variable} is not set"));
        None
    }

    /// On the engine at this address.
    pub fn at(address: String) -> Self {
        let config = DockerConfig::default();
        Self {
            address,
            config,
            differences: &[],
        }
    }

    /// Where the engine listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// With what the operator allows.
    pub fn allowing(mut self, allow: AllowList) -> Self {
        self.config.allow = allow;
        self
    }

    /// With another configuration.
    pub fn with(mut self, change: impl FnOnce(&mut DockerConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// A scene of such jobs.
    pub fn scene(&self) -> Scene {
        Scene::new(Box::new(self.clone()))
    }

    /// A client of the same engine, to look from the side.
    pub fn client(&self) -> Docker {
        let deadline = Duration::from_mins(2).as_secs();
        let docker = match self.address.strip_prefix("tcp://") {
            Some(_) => Docker::connect_with_http(&self.address, deadline, API_DEFAULT_VERSION),
            None => Docker::connect_with_unix(&self.address, deadline, API_DEFAULT_VERSION),
        };
        let docker = docker.expect("the address is one");
        // In a thread and runtime of its own: cases make executors outside of any.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be built");
            runtime.block_on(docker.negotiate_version())
        })
        .join()
        .expect("it does not panic")
        .expect("the engine answers")
    }
}

impl ExecutorHarness for Containers {
    fn executor(&self) -> Arc<dyn Executor> {
        let connection = Connection {
            docker: self.client(),
            address: self.address.clone(),
        };
        Arc::new(DockerExecutor::new(connection, self.config.clone()))
    }

    fn command(&self, argv: &[&str]) -> JobSpec {
        JobSpec {
            image: Some(IMAGE.to_owned()),
            command: argv.iter().map(|&word| word.to_owned()).collect(),
            ..JobSpec::default()
        }
    }

    fn known_differences(&self) -> &[&str] {
        self.differences
    }

    /// Without the init that the engine adds to each container: it has the job's environment.
    fn live_processes(&self, entry: &str) -> usize {
        let processes = fs::read_dir("/proc").expect("this machine has /proc");
        processes
            .filter_map(|process| Some(process.ok()?.path()))
            .filter(|process| {
                let env = fs::read(process.join("environ")).unwrap_or_default();
                env.split(|byte| *byte == 0)
                    .any(|found| found == entry.as_bytes())
            })
            .filter(|process| {
                let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
                !matches!(name.trim(), "docker-init" | "catatonit" | "tini")
            })
            .count()
    }
}

/// Runs a test of an engine on a runtime of its own, and clears up after it.
pub fn on_an_engine(test: impl AsyncFnOnce(&Containers, &Scene)) {
    on_an_engine_with(|containers| containers, test);
}

/// The same with another configuration.
pub fn on_an_engine_with(
    change: impl FnOnce(Containers) -> Containers,
    test: impl AsyncFnOnce(&Containers, &Scene),
) {
    if let Some(containers) = Containers::found().map(change) {
        let harness = containers.clone();
        longshore_testkit::executor::run(Some(harness), async |scene: &Scene| {
            test(&containers, scene).await;
        });
    }
}
