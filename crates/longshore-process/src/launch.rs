//! From a launch request to what the shim is told: everything checked, nothing left to look up.
//!
//! A job's environment is its own (templates resolved) on top of the worker's `PATH`, `HOME`,
//! `LANG` and `TZ`; nothing else of the worker's is handed on, since it may hold secrets. A job
//! that runs as another user gets that user's `HOME` (`/` for one without an entry). Its own values
//! win over all of these. Beyond that it is told who it is: `LONGSHORE_JOB_ID`, `LONGSHORE_ATTEMPT`
//! and, from [`crate::container`], `LONGSHORE_PROCESS_HANDLE` and `LONGSHORE_PROCESS_CONTAINER`, by
//! which other workers of this machine find it.

use std::collections::BTreeMap;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{
    Capabilities, Capability, ContainerIdentity, ExecutorError, LaunchRequest, check_capabilities,
};
use longshore_core::spec::EnvValue;
use nix::unistd::Uid;

use crate::user;
use crate::wire::Launch;

/// What of the worker's own environment a job sees.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// For a worker that has no `PATH` itself.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Tells a job which job it is.
const JOB_ID: &str = "LONGSHORE_JOB_ID";

/// Tells a job which attempt it is.
const ATTEMPT: &str = "LONGSHORE_ATTEMPT";

/// What this executor can do: run commands and, as root, choose their user.
pub fn capabilities() -> Capabilities {
    let mut list = vec![
        Capability::Commands,
        Capability::GraceForChildren,
        Capability::FullListing,
    ];
    if Uid::effective().is_root() {
        list.push(Capability::User);
    }
    Capabilities::of(list)
}

/// Checks a request and resolves it. May look up a user, so it blocks.
pub fn prepare(
    executor: &str,
    capabilities: &Capabilities,
    request: &LaunchRequest,
) -> Result<Launch, ExecutorError> {
    let what = describe("launch", &request.identity);
    let mut spec = request.spec.clone();
    let resolved = spec.user.as_deref().map(user::resolve).transpose()?;
    // Whoever runs as themselves needs no capability for it.
    let resolved = resolved.filter(|user| !user.is_current());
    if resolved.is_none() {
        spec.user = None;
    }
    check_capabilities(executor, capabilities, &spec)
        .map_err(|refusal| permanent(&what, refusal.to_string()))?;

    let argv: Vec<String> = spec.entrypoint.into_iter().chain(spec.command).collect();
    if argv.is_empty() {
        return Err(permanent(
            &what,
            "neither entrypoint nor command says what to run",
        ));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return Err(permanent(&what, "command: an argument holds a NUL byte"));
    }
    if spec
        .working_directory
        .as_ref()
        .is_some_and(|path| path.contains('\0'))
    {
        return Err(permanent(&what, "working_directory: holds a NUL byte"));
    }
    let home = resolved
        .as_ref()
        .map(|user| user.home.clone().unwrap_or_else(|| "/".to_owned()));
    Ok(Launch {
        argv,
        env: environment(request, home).map_err(|problem| permanent(&what, problem))?,
        working_directory: spec.working_directory,
        run_as: resolved.map(|user| user.run_as),
    })
}

/// A permanent error of this executor.
pub fn permanent(attempted: impl Into<String>, problem: impl Into<String>) -> ExecutorError {
    ExecutorError::new(ErrorClass::Permanent, attempted, problem)
}

/// `<verb> job 7 attempt 1`: how errors say what was attempted on what.
pub fn describe(verb: &str, identity: &ContainerIdentity) -> String {
    format!("{verb} job {} attempt {}", identity.job, identity.attempt)
}

fn environment(
    request: &LaunchRequest,
    home: Option<String>,
) -> Result<BTreeMap<String, EnvValue>, String> {
    let mut env = BTreeMap::from([("PATH".to_owned(), EnvValue::from(DEFAULT_PATH))]);
    for name in INHERITED {
        if let Ok(value) = std::env::var(name) {
            env.insert(name.to_owned(), value.into());
        }
    }
    if let Some(home) = home {
        env.insert("HOME".to_owned(), home.into());
    }
    for (name, value) in &request.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.reveal().contains('\0') {
            return Err(format!("env: {name:?} can't be an environment variable"));
        }
        env.insert(name.clone(), value.clone());
    }
    // Last, so that they are true whatever a template says.
    env.insert(JOB_ID.to_owned(), request.identity.job.to_string().into());
    env.insert(
        ATTEMPT.to_owned(),
        request.identity.attempt.to_string().into(),
    );
    Ok(env)
}
