//! The executor that runs jobs as processes of the worker's own host.
//!
//! Between the worker and each job stands a *shim*: a tiny single-threaded process that starts
//! the job when told to, ends it when told to or when the worker is gone, and reports how it
//! ended. So a worker that is killed leaves nothing running, and a job's container is as real as
//! an engine's: created before it is started, found by a handle that no other process can have
//! (`<boot id>:<pid>:<start time>:<PID namespace>`), over when its main process is over.
//!
//! ```text
//! worker ── control channel ──> shim ── exec channel ──> job's main process ──> its children
//!    ^                                                        │
//!    └─────────────── stdout and stderr, two pipes ───────────┘
//! ```
//!
//! The shim is never in the way of output: the job writes into pipes that the worker reads.
//!
//! This crate owns processes and pipes. It must never decide what becomes of a job, and keeps
//! nothing on disk: its containers do not outlive their worker. What another worker of the machine
//! has to know of them (is anything of it alive?) the kernel tells: names, environments and, where
//! they can be had, control groups.

mod blocking;
mod cgroup;
mod container;
mod deadlines;
mod executor;
mod family;
mod handle;
mod host;
mod labels;
mod launch;
mod machine;
mod output;
mod procfs;
mod registry;
mod remains;
pub mod shim;
mod spawn;
mod supervise;
mod usage;
mod user;
mod wire;

pub use executor::{KIND, ProcessExecutor};
pub use spawn::ShimCommand;
