//! Longshore as a library: a durable queue for container jobs.
//!
//! The facade over the workspace's crates. It owns no logic: it gives one name to what programs
//! that embed Longshore need.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use longshore::process::{ProcessExecutor, ShimCommand};
//! use longshore::sqlite::{Options, SqliteStore};
//! use longshore::{Executor, JobSpec, QueueManager, Store, WorkerConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store: Arc<dyn Store> = Arc::new(SqliteStore::open("jobs.db", Options::default()).await?);
//! let shim = ShimCommand { program: "longshore".into(), args: vec!["process-shim".into()] };
//! let executors: Vec<Arc<dyn Executor>> = vec![Arc::new(ProcessExecutor::new(shim))];
//! let manager = QueueManager::new(store, executors, WorkerConfig::default())?;
//! manager.submit(&[JobSpec::process(["echo", "hello"]).validate()?]).await?;
//! manager.launch_next_batch("local", 3, Duration::from_secs(5)).await?;
//! manager.close().await;
//! # Ok(())
//! # }
//! ```

pub use longshore_core as core;
pub use longshore_core::executor::Executor;
pub use longshore_core::spec::{FieldError, ValidSpec, parse_json};
pub use longshore_core::state::TerminalState;
pub use longshore_core::store::{Store, StoreError};
pub use longshore_core::{JobId, JobSpec, Priority, State, Timestamp};
pub use longshore_postgres as postgres;
pub use longshore_process as process;
pub use longshore_queue as queue;
pub use longshore_queue::{
    GracefulShutdown, JobCompletionTracker, QueueManager, Worker, WorkerConfig,
};
pub use longshore_sqlite as sqlite;
