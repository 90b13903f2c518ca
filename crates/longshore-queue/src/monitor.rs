//! A look at a worker from outside its loop: [`Monitor`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_core::store::Reading as _;
use tokio::time::timeout;

use crate::retrying::Retrying;
use crate::shift::Shift;
use crate::status::WorkerStatus;

/// The shift that a worker is on, if it is on one.
pub(crate) type Current = Arc<Mutex<Option<Arc<Shift>>>>;

/// How long the database may take to count, before the rest is shown without it.
const COUNT_WAIT: Duration = Duration::from_secs(2);

/// Looks at a worker while it runs.
#[derive(Clone)]
pub struct Monitor {
    store: Retrying,
    current: Current,
}

impl Monitor {
    pub(crate) fn new(store: Retrying, current: Current) -> Self {
        Self { store, current }
    }

    /// What the worker is doing; none while it is not registered.
    pub async fn status(&self) -> Option<WorkerStatus> {
        let shift = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let metrics = timeout(COUNT_WAIT, self.store.worker_metrics()).await;
        let metrics = match metrics {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err("the database does not answer".to_owned()),
        };
        Some(WorkerStatus {
            worker: shift.worker,
            name: shift.config.name.clone(),
            queues: shift
                .served()
                .iter()
                .map(|served| served.queue.name.clone())
                .collect(),
            max_concurrent: shift.config.max_concurrent,
            running: shift.roll.running_jobs(),
            so_far: shift.report(),
            metrics,
        })
    }
}
