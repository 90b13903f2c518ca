//! What a scripted job does, from its creation to its end.

use std::time::Duration;

use longshore_core::attempt::{Exit, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::ExecutorError;
use longshore_core::output::{OutputChunk, ResumePoint, Stream};

use super::gate::Gate;

/// What a job does. Made by one of the constructors, changed by the rest.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) create_gate: Gate,
    pub(super) create_failure: Option<Failure>,
    pub(super) start_gate: Gate,
    pub(super) start_failure: Option<Failure>,
    pub(super) output: Vec<OutputChunk>,
    pub(super) lasting: Duration,
    pub(super) end_gate: Gate,
    pub(super) exit: Exit,
    pub(super) ignores_term: bool,
    pub(super) usage: Usage,
}

/// Why something can't be done.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    class: ErrorClass,
    problem: String,
}

impl Failure {
    pub(super) fn error(&self, attempted: String) -> ExecutorError {
        ExecutorError::new(self.class, attempted, self.problem.clone())
    }
}

impl Script {
    /// Starts, and ends at once with this exit code.
    pub fn exits(code: i32) -> Self {
        Self {
            create_gate: Gate::opened(),
            create_failure: None,
            start_gate: Gate::opened(),
            start_failure: None,
            output: Vec::new(),
            lasting: Duration::ZERO,
            end_gate: Gate::opened(),
            exit: Exit::with_code(code),
            ignores_term: false,
            usage: Usage::default(),
        }
    }

    /// Runs until it is released, stopped, or its gate of [`Script::ends_behind`] opens.
    pub fn runs_until_released() -> Self {
        Self::exits(0).ends_behind(Gate::closed())
    }

    /// No container of it can be created.
    pub fn cannot_be_created(class: ErrorClass, problem: &str) -> Self {
        let failure = Failure {
            class,
            problem: problem.to_owned(),
        };
        Self {
            create_failure: Some(failure),
            ..Self::exits(0)
        }
    }

    /// Its container is created, and does not start.
    pub fn cannot_start(class: ErrorClass, problem: &str) -> Self {
        let failure = Failure {
            class,
            problem: problem.to_owned(),
        };
        Self {
            start_failure: Some(failure),
            ..Self::exits(0)
        }
    }

    /// Ends like this, when it ends by itself.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Runs for at least this long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    /// Writes this as soon as it has started, after what it was told to write before.
    #[must_use]
    pub fn writing(mut self, stream: Stream, bytes: impl Into<Vec<u8>>) -> Self {
        let resume = Some(ResumePoint((self.output.len() + 1).to_string()));
        self.output.push(OutputChunk {
            stream,
            bytes: bytes.into(),
            resume,
        });
        self
    }

    /// Used this much.
    #[must_use]
    pub fn using(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// TERM does not end it: only KILL, after the grace time.
    #[must_use]
    pub fn ignoring_term(mut self) -> Self {
        self.ignores_term = true;
        self
    }

    /// Its creation waits for the gate.
    #[must_use]
    pub fn created_behind(mut self, gate: Gate) -> Self {
        self.create_gate = gate;
        self
    }

    /// Its start waits for the gate.
    #[must_use]
    pub fn starts_behind(mut self, gate: Gate) -> Self {
        self.start_gate = gate;
        self
    }

    /// Its end waits for the gate.
    #[must_use]
    pub fn ends_behind(mut self, gate: Gate) -> Self {
        self.end_gate = gate;
        self
    }
}
