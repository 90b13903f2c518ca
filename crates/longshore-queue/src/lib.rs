//! Longshore's workers, over any [`Store`](longshore_core::store::Store) and any
//! [`Executor`](longshore_core::executor::Executor).
//!
//! This crate owns the way of an attempt: acquire, launch, supervise, finish; and what surrounds
//! it: heartbeats, cancels, drains, housekeeping. What is decided on the way is decided in
//! `longshore-core`; what is stored is the store's to guard. It names no store and no executor.
//!
//! Two ways in: a [`Worker`] serves queues until it is told to stop; a [`QueueManager`] launches
//! what its caller asks for. Both share [`Retrying`], the one place where a database's contention
//! is retried, and are told to end through a [`GracefulShutdown`].

mod acquired;
mod attempt;
mod bell;
mod calls;
mod cancels;
mod config;
mod crew;
mod error;
mod fault;
mod finisher;
mod heartbeat;
pub mod housekeeping;
mod launch;
mod liveness;
mod lookout;
mod machines;
mod manager;
pub mod metrics;
mod monitor;
mod orders;
mod patience;
mod preview;
mod progress;
mod pump;
mod reconcile;
mod recovery;
mod removals;
mod report;
mod retrying;
mod roll;
mod rounds;
mod sampling;
mod served;
mod shift;
mod shutdown;
mod slots;
mod status;
mod supervise;
mod tracker;
pub mod transfer;
mod worker;

pub use acquired::AcquiredJob;
pub use config::{ConfigError, Until, WorkerConfig};
pub use error::QueueError;
pub use liveness::BootClock;
pub use manager::{BatchResult, LaunchFailure, QueueManager};
pub use monitor::Monitor;
pub use report::{EndedBy, WorkerReport};
pub use retrying::{ContentionCounts, DEFAULT_BUDGET, RetryClock, Retrying};
pub use shutdown::{GracefulShutdown, Stage};
pub use status::{Phase, RunningJob, WorkerStatus};
pub use tracker::JobCompletionTracker;
pub use worker::Worker;
