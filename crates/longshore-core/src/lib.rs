//! What Longshore decides, without doing any of it.
//!
//! This crate owns the words (jobs, states, limits, leases, attempts), the decisions about them
//! (plain functions: facts and `now` in, a plan out), and the two seams of the system: the
//! [`store::Store`] that keeps jobs and the [`executor::Executor`] that launches them. It never
//! reads a clock, draws a random number, touches a file or speaks to a network; the manifest and
//! `clippy.toml` hold it to that.

pub mod access;
pub mod attempt;
pub mod classify;
pub mod disposition;
pub mod executor;
pub mod host;
pub mod ids;
pub mod limit;
pub mod metric;
pub mod output;
pub mod priority;
pub mod queue;
pub mod retry;
#[cfg(feature = "schema")]
pub mod schemas;
pub mod spec;
pub mod state;
pub mod store;
pub mod suggest;
pub mod template;
pub mod usage;
pub mod waiting;
pub mod webhook;

pub use ids::{AttemptNumber, HostId, InstanceId, JobId, QueueId, Token, WorkerId};
pub use jiff::Timestamp;
pub use priority::Priority;
pub use spec::JobSpec;
pub use state::State;
