//! The process executor as the testkit takes it.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::sync::Arc;
use std::time::Duration;

use longshore_core::executor::{Executor, Handle};
use longshore_core::spec::JobSpec;
use longshore_process::{ProcessExecutor, ShimCommand};
use longshore_testkit::executor::ExecutorHarness;
use longshore_testkit::executor::scene::Scene;
use nix::unistd::Pid;
use tokio::task::yield_now;
use tokio::time;

/// Jobs as processes of this machine.
pub struct Processes(ShimCommand);

impl Processes {
    /// Under this crate's own shim.
    pub fn new() -> Self {
        Self::under(env!("CARGO_BIN_EXE_longshore-process-shim"))
    }

    /// Under a shim that this program is to be.
    pub fn under(program: &str) -> Self {
        Self(ShimCommand {
            program: program.into(),
            args: vec![],
        })
    }
}

impl ExecutorHarness for Processes {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(ProcessExecutor::new(self.0.clone()))
    }

    fn command(&self, argv: &[&str]) -> JobSpec {
        JobSpec::process(argv.iter().copied())
    }
}

/// A scene of such jobs.
pub fn scene() -> Scene {
    Scene::new(Box::new(Processes::new()))
}

/// Lets half a minute and more pass for what waits at the same time, and only for that.
pub async fn let_deadlines_pass() {
    for _ in 0..100 {
        yield_now().await; // so that it waits already
    }
    time::pause();
    time::advance(Duration::from_secs(31)).await;
    time::resume();
}

/// The shim of a container.
pub fn shim_of(handle: &Handle) -> Pid {
    let pid = handle
        .0
        .split(':')
        .nth(1)
        .expect("boot:pid:start:namespace");
    Pid::from_raw(pid.parse().expect("a process id"))
}
