//! What scenes are made of, and what their answers are held against.

use std::collections::BTreeMap;

use longshore_core::attempt::{AttemptRecord, Exit, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::executor::Handle;
use longshore_core::host::HostFacts;
use longshore_core::queue::NewQueue;
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseKey, NewWorker, StoreError, StoreResult};
use longshore_core::{JobId, QueueId, State, Token};

use super::LATER;

/// A queue to be made: of the process executor, for any host, without a limit.
pub fn new_queue(name: &str) -> NewQueue {
    NewQueue {
        name: name.to_owned(),
        executor: "process".to_owned(),
        host_selector: BTreeMap::new(),
        max_concurrent: None,
    }
}

/// A worker with room for a thousand jobs, which counts as alive for as long as any case lasts.
pub fn new_worker(queues: &[QueueId]) -> NewWorker {
    NewWorker {
        name: "worker".to_owned(),
        hostname: "machine-1".to_owned(),
        pid: 4242,
        boot_id: "boot-1".to_owned(),
        version: "0.0.0".to_owned(),
        queues: queues.to_vec(),
        hosts: vec![],
        capacity: 1000,
        lease_ttl: LATER,
    }
}

/// A machine of the process executor.
pub fn host_facts(identity: &str) -> HostFacts {
    HostFacts {
        executor: "process".to_owned(),
        identity: identity.to_owned(),
        boot_id: "boot-1".to_owned(),
        name: format!("{identity}.example"),
    }
}

/// The handle that a scene's executor would give.
pub fn handle_of(key: LeaseKey) -> Handle {
    Handle(format!("container-{}-{}", key.job, key.attempt))
}

/// The record of an attempt that was seen running and after which `then` follows.
pub fn record_for(then: Disposition) -> AttemptRecord {
    let ran = |outcome| AttemptRecord {
        started: true,
        ..AttemptRecord::of(outcome)
    };
    match then {
        Disposition::Settle(TerminalState::Completed) => AttemptRecord::exited(Exit::with_code(0)),
        Disposition::Settle(TerminalState::Failed) => AttemptRecord::exited(Exit::with_code(7)),
        Disposition::Settle(TerminalState::TimedOut) => ran(Outcome::RunTimeout),
        Disposition::Settle(TerminalState::Cancelled) => ran(Outcome::Cancelled),
        Disposition::RetryAfter(_) => AttemptRecord::exited(Exit::with_code(75)),
        Disposition::HandBack => ran(Outcome::HandedBack),
        Disposition::Lost => ran(Outcome::HostLost),
    }
}

/// The record of an attempt whose container never started.
pub fn launch_failed(class: ErrorClass) -> AttemptRecord {
    AttemptRecord::launch_failed(class, "create container: no such image")
}

/// The lease under a token that another has drawn since: what a worker holds after a take-over.
pub fn stale(key: LeaseKey) -> LeaseKey {
    LeaseKey {
        token: Token(key.token.0 - 1),
        ..key
    }
}

/// The state that an illegal move was refused for.
pub fn refused_in<T: std::fmt::Debug>(result: StoreResult<T>, job: JobId) -> State {
    match result {
        Err(StoreError::Illegal {
            job: named,
            illegal,
        }) => {
            assert_eq!(named, job, "the error names the job");
            illegal.state
        }
        other => panic!("expected an illegal move of job {job}, got {other:?}"),
    }
}

/// Whether the store said that there is no such job.
pub fn is_unknown_job<T>(result: &StoreResult<T>, job: JobId) -> bool {
    matches!(result, Err(StoreError::UnknownJob(named)) if *named == job)
}
