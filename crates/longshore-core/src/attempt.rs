//! What became of an attempt: recorded once, when its lease ends.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::classify::ErrorClass;

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// The container exited by itself; its code or signal is recorded.
    Exited,
    /// The container never started.
    LaunchFailed,
    /// Stopped by the run timeout.
    RunTimeout,
    /// Stopped by the no-output timeout.
    OutputTimeout,
    /// Stopped because a person cancelled the job.
    Cancelled,
    /// Given back by its worker (a drain), through no fault of the job.
    HandedBack,
    /// Its host restarted, or a person declared it gone.
    HostLost,
    /// Its container is gone without a trace on a host that did not restart.
    Vanished,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 8] = [
        Self::Exited,
        Self::LaunchFailed,
        Self::RunTimeout,
        Self::OutputTimeout,
        Self::Cancelled,
        Self::HandedBack,
        Self::HostLost,
        Self::Vanished,
    ];

    /// The outcome's name in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::LaunchFailed => "launch_failed",
            Self::RunTimeout => "run_timeout",
            Self::OutputTimeout => "output_timeout",
            Self::Cancelled => "cancelled",
            Self::HandedBack => "handed_back",
            Self::HostLost => "host_lost",
            Self::Vanished => "vanished",
        }
    }
}

/// How a container ended, by the executor's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Exit {
    /// The exit code, if it exited by itself.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Whether the kernel killed something in it for memory. Apart from the code: a child can be
    /// killed while the container exits 0.
    pub oom_killed: bool,
}

impl Exit {
    /// An exit with a code.
    pub fn with_code(code: i32) -> Self {
        Self {
            code: Some(code),
            ..Self::default()
        }
    }

    /// An end by a signal.
    pub fn by_signal(signal: i32) -> Self {
        Self {
            signal: Some(signal),
            ..Self::default()
        }
    }

    /// One number for both, as shells say it: the code, or 128 + the signal.
    pub fn shell_code(&self) -> Option<i32> {
        self.code.or(self.signal.map(|signal| 128 + signal))
    }
}

/// What an attempt used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// CPU time, user and system, of all its processes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_micros: Option<u64>,
    /// The most memory at once. For processes: of the largest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

impl Usage {
    /// CPU time as a duration.
    pub fn cpu(&self) -> Option<Duration> {
        self.cpu_micros.map(Duration::from_micros)
    }
}

/// Why an attempt did not end well, when its exit does not say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AttemptError {
    /// Whether trying again can help.
    pub class: ErrorClass,
    /// What was attempted and what went wrong, for people; [`AttemptError::kept_text`] is kept.
    pub text: String,
}

impl AttemptError {
    /// The most that is kept of an error's text.
    pub const MAX_TEXT_BYTES: usize = 4096;

    /// The part of its text that a store keeps.
    pub fn kept_text(&self) -> &str {
        &self.text[..self.text.floor_char_boundary(Self::MAX_TEXT_BYTES)]
    }
}

/// Everything that is recorded of an attempt at its end, beside what its lease already says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AttemptRecord {
    /// How it ended.
    pub outcome: Outcome,
    /// How the container ended, if it ran.
    pub exit: Option<Exit>,
    /// Whether the container was seen running, though the store may not have been told.
    pub started: bool,
    /// What went wrong.
    pub error: Option<AttemptError>,
    /// What it used.
    pub usage: Usage,
    /// Which version of each template it was launched with.
    pub template_versions: BTreeMap<String, i32>,
    /// How much output was left out by the cap, in bytes, per stream: stdout, stderr.
    pub omitted_bytes: [u64; 2],
}

impl AttemptRecord {
    /// A record with an outcome and nothing else.
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            exit: None,
            started: false,
            error: None,
            usage: Usage::default(),
            template_versions: BTreeMap::new(),
            omitted_bytes: [0; 2],
        }
    }

    /// The container exited by itself.
    pub fn exited(exit: Exit) -> Self {
        Self {
            exit: Some(exit),
            started: true,
            ..Self::of(Outcome::Exited)
        }
    }

    /// The container never started.
    pub fn launch_failed(class: ErrorClass, text: impl Into<String>) -> Self {
        let error = Some(AttemptError {
            class,
            text: text.into(),
        });
        Self {
            error,
            ..Self::of(Outcome::LaunchFailed)
        }
    }
}
