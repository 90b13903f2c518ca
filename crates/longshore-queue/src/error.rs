//! Why a queue manager or a worker could not do what it was asked: [`QueueError`].

use longshore_core::executor::ExecutorError;
use longshore_core::store::StoreError;

use crate::config::ConfigError;
use crate::manager::BatchResult;

/// Why a queue manager or a worker could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The store refused, or is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The queue's jobs need an executor that this worker lacks.
    #[error(
        "queue {queue:?} runs on the {executor} executor, and this worker has {}",
        listed(have)
    )]
    NoExecutor {
        /// The queue.
        queue: String,
        /// The executor that it names.
        executor: String,
        /// The kinds that this worker has.
        have: Vec<&'static str>,
    },
    /// The queue chooses its hosts, and this is none of them.
    #[error(
        "queue {queue:?} runs only on hosts labelled {selector}; host {host:?} is not one of them"
    )]
    WrongHost {
        /// The queue.
        queue: String,
        /// The labels that it asks for.
        selector: String,
        /// This worker's host for that executor.
        host: String,
    },
    /// No queue was named, and there is none that this worker could serve.
    #[error(
        "there is no queue that this worker can serve; it has {}",
        listed(have)
    )]
    NothingToServe {
        /// The kinds that this worker has.
        have: Vec<&'static str>,
    },
    /// The machine or engine behind an executor does not answer.
    #[error("the {executor} executor does not answer")]
    NoHost {
        /// Which executor.
        executor: &'static str,
        /// Its words.
        #[source]
        source: ExecutorError,
    },
    /// The database is a copy, and its containers would bear the original's name.
    #[error(
        "this database is a copy that bears another's name: each would take the other's containers for its \
         own. `longshore migrate --new-instance` if both are used, `longshore migrate --keep-instance` if this \
         one takes the other's place"
    )]
    BearsAnothersName,
    /// It is shutting down and takes nothing more.
    #[error("the queue manager is shutting down and launches nothing more")]
    ShuttingDown,
    /// Another worker took over its leases: it works on under a new id when asked again.
    #[error("this worker missed its heartbeats and was fenced; its jobs are others' now")]
    Fenced,
    /// One of its own tasks panicked, so it is not trusted with anything more.
    #[error("the queue manager has a defect and launches nothing more: {0}")]
    Defect(String),
    /// It could not go on, after it had launched something.
    #[error("interrupted after {} launches: {source}", so_far.launched)]
    Interrupted {
        /// What it did before.
        so_far: BatchResult,
        /// Why it could not go on.
        source: Box<QueueError>,
    },
}

impl QueueError {
    /// Whether the fault lies with the system (database down, engine silent) rather than with what
    /// was asked.
    pub fn is_systems_fault(&self) -> bool {
        match self {
            Self::Store(error) => error.is_systems_fault(),
            Self::Interrupted { source, .. } => source.is_systems_fault(),
            Self::NoHost { .. } | Self::Fenced | Self::Defect(_) => true,
            Self::Config(_)
            | Self::NoExecutor { .. }
            | Self::WrongHost { .. }
            | Self::NothingToServe { .. }
            | Self::BearsAnothersName
            | Self::ShuttingDown => false,
        }
    }
}

fn listed(have: &[&'static str]) -> String {
    match have {
        [] => "no executor".to_owned(),
        [one] => format!("only {one}"),
        more => format!("only {}", more.join(", ")),
    }
}
