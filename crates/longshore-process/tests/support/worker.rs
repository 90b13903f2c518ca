//! A worker process with one job, to be killed or suspended.

#![allow(dead_code, reason = "not every test file needs all of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use longshore_core::executor::{ContainerIdentity, Handle};
use longshore_core::{AttemptNumber, InstanceId, JobId, Token};
use longshore_testkit::executor::probe::live_processes;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The worker of this crate's tests.
pub const WORKER: &str = env!("CARGO_BIN_EXE_longshore-process-worker");

/// Whose every such worker's container is.
pub fn identity() -> ContainerIdentity {
    ContainerIdentity {
        instance: InstanceId("worker".into()),
        job: JobId(1),
        attempt: AttemptNumber(1),
        token: Token(1),
    }
}

/// A worker process with one job.
pub struct Worker {
    pub process: Child,
    lines: BufReader<ChildStdout>,
    pub handle: Handle,
    /// In the environment of each of the job's processes.
    pub mark: String,
}

impl Worker {
    pub fn start(script: &str) -> Self {
        Self::start_by(&["env"], script)
    }

    /// Starts it by another program, which becomes it.
    pub fn start_by(by: &[&str], script: &str) -> Self {
        let mark = format!("LONGSHORE_TEST_DEATH={:016x}", rand::random::<u64>());
        let mut process = Command::new(by[0])
            .args(&by[1..])
            .args([WORKER, &mark, script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the worker can be started");
        let stdout = process.stdout.take().expect("it was asked for");
        let mut worker = Self {
            process,
            lines: BufReader::new(stdout),
            handle: Handle(String::new()),
            mark,
        };
        worker.handle = Handle(worker.next_line());
        worker
    }

    pub fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines
            .read_line(&mut line)
            .expect("the worker's output can be read");
        line.trim().to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.process.id()).expect("process ids are small");
        kill(Pid::from_raw(pid), signal).expect("our child can be signalled");
    }

    pub fn live_processes(&self) -> usize {
        live_processes(&self.mark)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be dead already: that is what most tests are about.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
