//! What to say to somebody who writes docker's flags that a job does not need.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A flag of `docker run`, and what there is instead.
const INSTEAD: [(&[&str], &str); 6] = [
    (
        &["--rm"],
        "containers are always removed; the job, its exit code and its output are kept",
    ),
    (
        &["-d", "--detach"],
        "`longshore submit` hands a job in and does not wait for it",
    ),
    (
        &["-i", "-t", "--interactive", "--tty"],
        "jobs run unattended: they have no terminal and no stdin",
    ),
    (
        &["--restart"],
        "--max-retries, --retry-strategy and --retry-exit-codes say what is tried again",
    ),
    (
        &["--publish", "--expose"],
        "jobs publish no ports; --network joins networks",
    ),
    (
        &["-f", "--file"],
        "`longshore submit -f FILE --wait` hands in a file of jobs and follows it",
    ),
];

/// A hint for a command line that clap refused.
pub fn hint_for(refused: &clap::Error) -> Option<&'static str> {
    let takes_a_job = std::env::args_os().any(|word| word == "run" || word == "submit");
    if !takes_a_job || refused.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(flag)) = refused.get(ContextKind::InvalidArg) else {
        return None;
    };
    let found = INSTEAD.iter().find(|(flags, _)| flags.contains(&&flag[..]));
    found.map(|(_, instead)| *instead)
}
