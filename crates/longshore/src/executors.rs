//! What this machine can run: the executors that this binary has, wired by name.

use std::sync::Arc;

use longshore_core::executor::Executor;
use longshore_core::store::{Finding, Severity};
use longshore_process::{ProcessExecutor, ShimCommand};

use crate::commands::found;

/// The hidden subcommand under which this binary is the shim of a job (`longshore_process::shim`).
pub const SHIM: &str = "process-shim";

/// Every executor that this binary has.
pub fn all() -> Vec<Arc<dyn Executor>> {
    vec![Arc::new(ProcessExecutor::new(
        ShimCommand::of_this_program([SHIM]),
    ))]
}

/// What `doctor` says of them.
pub async fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    for executor in all() {
        let subject = format!("executor {}", executor.kind());
        findings.push(match executor.host().await {
            Ok(host) => {
                let can: Vec<String> = executor
                    .capabilities()
                    .0
                    .iter()
                    .map(|c| format!("{c:?}"))
                    .collect();
                let can = can.join(", ");
                found(
                    Severity::Ok,
                    &subject,
                    format!("{} ({}); can: {can}", host.name, host.identity),
                    "",
                )
            }
            Err(error) => {
                let advice = "jobs of queues with this executor can't run on this machine";
                found(Severity::Problem, &subject, error.to_string(), advice)
            }
        });
    }
    findings
}
