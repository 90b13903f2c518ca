//! A look at a worker from outside its loop: [`Monitor`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_core::spec::format_duration;
use longshore_core::store::{Reading as _, Store as _};
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

    /// Why the worker can't do its work, as far as it can't; empty when it can: it is registered, its
    /// last heartbeat was answered within its lease's time, and the database answers. Within a few
    /// seconds.
    pub async fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        match self.shift() {
            None => reasons.push("worker: not registered".to_owned()),
            Some(shift) if shift.liveness.may_be_fenced() => {
                let time = format_duration(shift.config.lease_ttl);
                reasons.push(format!("heartbeat: none was answered for {time} or more"));
            }
            Some(_) => {}
        }
        match timeout(COUNT_WAIT, self.store.now()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => reasons.push(format!("database: {error}")),
            Err(_late) => {
                let time = format_duration(COUNT_WAIT);
                reasons.push(format!("database: no answer within {time}"));
            }
        }
        reasons
    }

    fn shift(&self) -> Option<Arc<Shift>> {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the worker is doing; none while it is not registered.
    pub async fn status(&self) -> Option<WorkerStatus> {
        let shift = self.shift()?;
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
