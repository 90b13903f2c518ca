//! The process executor does what the executor suite asks for.

use std::sync::Arc;

use longshore_core::executor::Executor;
use longshore_core::spec::JobSpec;
use longshore_process::{ProcessExecutor, ShimCommand};
use longshore_testkit::executor::ExecutorHarness;

struct Processes;

impl ExecutorHarness for Processes {
    fn executor(&self) -> Arc<dyn Executor> {
        let program = env!("CARGO_BIN_EXE_longshore-process-shim").into();
        Arc::new(ProcessExecutor::new(ShimCommand {
            program,
            args: vec![],
        }))
    }

    fn command(&self, argv: &[&str]) -> JobSpec {
        JobSpec::process(argv.iter().copied())
    }
}

longshore_testkit::executor_conformance!(Processes);
