//! What worker, shim and exec stage say to each other: JSON, one message per line.
//!
//! All three are of the same version, so that messages need none of their own: the shim and the
//! exec stage are one program, and a shim refuses a worker of another version.

use std::collections::BTreeMap;
use std::io;

use longshore_core::spec::EnvValue;
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest message. The kernel takes at most 6 MiB of arguments and environment together,
/// and JSON makes of a byte six at the worst; more could not be launched anyway.
pub const MAX_MESSAGE_BYTES: usize = 40 * 1024 * 1024;

/// The version of whoever speaks.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Tells a shim to end its job at once, from a worker that has no channel to it. A signal that no
/// service manager sends, and no terminal.
pub const END_NOW: Signal = Signal::SIGUSR2;

/// The first message that a shim process reads: what it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// From the worker: supervise one job, yet to be started.
    Supervise {
        /// The worker's [`VERSION`].
        version: String,
    },
    /// From the shim: become the job.
    Execute(Execute),
}

/// How the exec stage becomes the job.
#[derive(Serialize, Deserialize)]
pub struct Execute {
    /// The shim's process id, to see whether it died before it was watched.
    pub shim: u32,
    /// What to run.
    pub launch: Launch,
}

/// What is to be run: nothing is left to be looked up.
#[derive(Clone, Serialize, Deserialize)]
pub struct Launch {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, EnvValue>,
    /// Where it runs; the worker's own working directory when absent.
    pub working_directory: Option<String>,
    /// As whom; as the worker's user when absent.
    pub run_as: Option<RunAs>,
}

/// A user, resolved to numbers.
#[derive(Clone, Serialize, Deserialize)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// All groups, the first among them.
    pub groups: Vec<u32>,
}

/// From worker to shim.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Start the job. Sent at most once.
    Start(Launch),
    /// TERM, and KILL after this time, in milliseconds.
    Stop(u64),
}

/// From shim to worker.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The shim waits for orders.
    Ready,
    /// The job's program runs.
    Started,
    /// The job's program can't run; the shim is about to exit.
    StartFailed(StartFailure),
    /// The job and everything that it left behind has ended; the shim is about to exit.
    Ended(End),
}

/// From exec stage to shim. The end of the channel right after [`Progress::Imminent`] means that
/// the program runs.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Everything is prepared; only the program itself can fail now.
    Imminent,
    /// It did not work.
    Failed(StartFailure),
}

/// Why a job's program can't run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StartFailure {
    /// What was being done, on what.
    pub step: String,
    /// The operating system's error number, if that is where it comes from.
    pub os_error: Option<i32>,
    /// What it says, where there is no number.
    pub text: String,
}

impl StartFailure {
    /// `step` failed with `error`.
    pub fn new(step: impl Into<String>, error: &io::Error) -> Self {
        Self {
            step: step.into(),
            os_error: error.raw_os_error(),
            text: error.to_string(),
        }
    }

    /// The error again, for its class and its words.
    pub fn io_error(&self) -> io::Error {
        match self.os_error {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::other(self.text.clone()),
        }
    }
}

/// How a job ended, and what it used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct End {
    /// Its main process's exit code, if it exited.
    pub code: Option<i32>,
    /// The signal that ended its main process, if one did.
    pub signal: Option<i32>,
    /// CPU time of all its processes that were waited for.
    pub cpu_micros: u64,
    /// The most memory of its largest process.
    pub peak_memory_bytes: u64,
}

/// A message as it is sent.
pub fn encode<M: Serialize>(message: &M) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > MAX_MESSAGE_BYTES {
        let problem = "its arguments and environment are larger than the system allows";
        return Err(io::Error::new(io::ErrorKind::ArgumentListTooLong, problem));
    }
    Ok(line)
}

/// A message as it was sent, without the end of its line.
pub fn decode<M: DeserializeOwned>(line: &[u8]) -> io::Result<M> {
    Ok(serde_json::from_slice(line)?)
}
