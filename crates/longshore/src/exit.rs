//! How a command ends: exit codes, and errors as one line with a hint beneath it.
//!
//! The one place that turns an error into an exit code. Never prints a stack trace.

use std::error::Error;

use longshore_core::spec::{FIELDS, FieldError};
use longshore_core::store::{JobDetail, StoreError};
use longshore_core::{State, attempt::Outcome};
use longshore_queue::{ConfigError, QueueError};

use crate::output::{self, ClosedPipe};

/// A process's exit code, by its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exit(pub u8);

impl Exit {
    /// Done.
    pub const DONE: Self = Self(0);
    /// The request failed.
    pub const FAILED: Self = Self(1);
    /// The command line was wrong.
    pub const USAGE: Self = Self(2);
    /// The system is unavailable: the database is down, full, or of another version.
    pub const UNAVAILABLE: Self = Self(3);
    /// Under `run` and `--wait`: the job timed out, or waiting for it did.
    pub const TIMED_OUT: Self = Self(124);
    /// Under `run` and `--wait`: the job's program never had its say; the failure is Longshore's.
    pub const OWN_FAILURE: Self = Self(125);
    /// Interrupted by a person, or the job was cancelled.
    pub const INTERRUPTED: Self = Self(130);
    /// Under `run` and `--wait`: the reader went away. As a shell says it: 128 + SIGPIPE.
    pub const PIPE: Self = Self(128 + 13);

    /// What a command comes to whose stdout could not be written: that is a failure where there
    /// was none, and only said where there was one.
    pub fn unless_unheard(self, written: anyhow::Result<()>) -> anyhow::Result<Self> {
        match written {
            Err(error) if self == Self::DONE => Err(error),
            Err(error) => {
                let _lesser = report(&error);
                Ok(self)
            }
            Ok(()) => Ok(self),
        }
    }

    /// How `run` and `--wait` end for this job: by the job's own code where it has one.
    pub fn of_job(job: &JobDetail) -> Self {
        match job.summary.state {
            State::Completed => Self::DONE,
            State::TimedOut => Self::TIMED_OUT,
            State::Cancelled => Self::INTERRUPTED,
            State::Failed => Self::of_failed_job(job),
            State::Pending
            | State::Queued
            | State::Retrying
            | State::Launching
            | State::Running => Self::OWN_FAILURE,
        }
    }

    fn of_failed_job(job: &JobDetail) -> Self {
        job.attempts_made
            .last()
            .and_then(|attempt| attempt.record.as_ref())
            .filter(|record| record.outcome == Outcome::Exited)
            .and_then(|record| record.exit?.shell_code())
            .and_then(|code| u8::try_from(code).ok())
            .filter(|code| *code != 0)
            .map_or(Self::OWN_FAILURE, Self)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.0.into()
    }
}

/// A request that the binary itself refuses, before any store is asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Refused {
    /// The command line is wrong: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::USAGE,
            message: message.into(),
            hint: None,
        }
    }

    /// What was asked can't be done: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::FAILED,
            message: message.into(),
            hint: None,
        }
    }

    /// Something that is needed is away: exit code 3.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::UNAVAILABLE,
            message: message.into(),
            hint: None,
        }
    }

    /// Whether it is the request that can't be done, and not the command line that is wrong.
    pub fn is_failure(&self) -> bool {
        self.exit == Exit::FAILED
    }

    /// What to try next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Says what went wrong on stderr (nothing when a reader closed the pipe) and returns the code.
pub fn report(error: &anyhow::Error) -> Exit {
    if error.chain().any(<dyn Error>::is::<ClosedPipe>) {
        return Exit::DONE;
    }
    output::talk(&one_line(error));
    if let Some(hint) = hint_of(error) {
        output::hint(&hint);
    }
    code_of(error)
}

/// The same for one of several requests: that nobody reads any more ends them all.
pub fn report_unless_unread(error: anyhow::Error) -> anyhow::Result<Exit> {
    if error.chain().any(<dyn Error>::is::<ClosedPipe>) {
        return Err(error);
    }
    Ok(report(&error))
}

/// A text of several lines as one: a headline, and what it lists.
pub fn joined(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !joined.is_empty() {
            joined.push_str(if joined.ends_with(':') { " " } else { "; " });
        }
        joined.push_str(line);
    }
    joined
}

/// The chain of causes on one line, without those that the line above already said.
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = output::words::one_line(&joined(&cause.to_string()));
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line.push_str(if line.ends_with('?') { " " } else { ": " });
            line.push_str(&text);
        }
    }
    line
}

/// What an error comes to.
pub fn code_of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.exit;
        }
        if cause.is::<ConfigError>() || matches!(cause.downcast_ref(), Some(QueueError::Config(_)))
        {
            return Exit::USAGE;
        }
        if let Some(StoreError::BadAddress(_)) = store_error(cause) {
            return Exit::USAGE;
        }
        if store_error(cause).is_some_and(StoreError::is_systems_fault)
            || cause
                .downcast_ref()
                .is_some_and(QueueError::is_systems_fault)
        {
            return Exit::UNAVAILABLE;
        }
    }
    Exit::FAILED
}

/// The store's error, also where the queue only passes it on.
fn store_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a StoreError> {
    match cause.downcast_ref() {
        Some(QueueError::Store(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return refused.hint.clone();
        }
        if cause.downcast_ref().is_some_and(is_of_a_job) {
            return Some(FIELDS_HINT.to_owned());
        }
        store_error(cause).and_then(store_hint).map(str::to_owned)
    })
}

const FIELDS_HINT: &str = "`longshore submit --help` shows what a job may say";

/// Whether a field of a job is meant, and not a name given elsewhere.
fn is_of_a_job(error: &FieldError) -> bool {
    let first = error.field.split(['.', '[']).next().unwrap_or_default();
    first.is_empty() || FIELDS.contains(&first)
}

/// How stores name the verb when they are opened.
const OPENING: &str = "open";

/// What to try next, where the store's own words don't say it already.
fn store_hint(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::Unavailable { .. } => Some(
            "`longshore doctor` looks at the database that --database, LONGSHORE_DATABASE_URL \
             or the configuration names",
        ),
        StoreError::ServerUnavailable { .. } => Some(
            "see whether it runs, and whether --server or LONGSHORE_SERVER names the right one",
        ),
        StoreError::Contended { .. } => {
            Some("try again; `longshore doctor` looks at the database if it stays busy")
        }
        // Opening it was all that failed: its own words say where and why.
        StoreError::CannotWrite { verb: OPENING, .. } => None,
        StoreError::CannotWrite { .. } => {
            Some("nothing was written: make room, or see who may write there, and try again")
        }
        StoreError::UnknownJob(_) => Some("`longshore list` shows the jobs that there are"),
        StoreError::UnknownQueue { .. } => {
            Some("`longshore queue list` shows the queues, `longshore queue create` makes one")
        }
        StoreError::UnknownTemplate { .. } => Some(
            "`longshore template list` shows the templates, `longshore template save` makes one",
        ),
        StoreError::UnknownWebhook(_) | StoreError::WebhookExists(_) => {
            Some("`longshore webhook list` shows them")
        }
        StoreError::UnknownDelivery(_) => Some("`longshore webhook deliveries` shows them"),
        StoreError::QueueExists(_) => {
            Some("`longshore queue limit`, `pause` and `resume` change a queue")
        }
        StoreError::Illegal { .. } => Some("`longshore show` says where the job stands"),
        StoreError::Invalid(error) => is_of_a_job(error).then_some(FIELDS_HINT),
        StoreError::Unexpected { .. } => Some("`longshore doctor` looks at the database"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::JobId;

    #[test]
    fn the_systems_faults_exit_3_and_requests_that_fail_exit_1() {
        let down = StoreError::Unavailable {
            verb: "submit",
            source: "refused".into(),
        };
        assert_eq!(code_of(&down.into()), Exit::UNAVAILABLE);
        let full = StoreError::CannotWrite {
            verb: "submit",
            problem: "the disk is full".to_owned(),
            source: "no space".into(),
        };
        assert_eq!(code_of(&full.into()), Exit::UNAVAILABLE);
        assert_eq!(
            code_of(&StoreError::UnknownJob(JobId(7)).into()),
            Exit::FAILED
        );
        assert_eq!(code_of(&Refused::usage("no").into()), Exit::USAGE);
        assert_eq!(
            code_of(&StoreError::BadAddress("no".into()).into()),
            Exit::USAGE
        );
    }

    #[test]
    fn a_chain_of_causes_is_one_line_that_repeats_nothing() {
        let error = anyhow::anyhow!("refused:\n  by the \u{1b}peer\n  by all")
            .context("submit")
            .context("submit");
        let line = "submit: refused: by the \\u{1b}peer; by all";
        assert_eq!(one_line(&error), line);
    }
}
