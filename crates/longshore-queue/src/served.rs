//! Where the jobs of a queue run: the queue, the executor that it names, and the host behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_core::HostId;
use longshore_core::executor::Executor;
use longshore_core::host::{Host, HostFacts};
use longshore_core::queue::Queue;
use longshore_core::store::Registry as _;

use crate::calls::Calls;
use crate::error::QueueError;
use crate::retrying::Retrying;

/// A queue that this worker serves.
pub(crate) struct Served {
    pub queue: Queue,
    pub executor: Calls,
    pub host: HostId,
}

/// The executors that this worker has, with their hosts as the store knows them.
pub(crate) struct Machines {
    by_kind: BTreeMap<&'static str, Machine>,
}

struct Machine {
    executor: Calls,
    host: Host,
}

impl Machines {
    /// Asks each executor for its host, and enters it.
    pub async fn enter(
        store: &Retrying,
        executors: &[Arc<dyn Executor>],
    ) -> Result<Self, QueueError> {
        let mut by_kind = BTreeMap::new();
        for executor in executors {
            let executor = Calls::to(Arc::clone(executor));
            let facts = executor.host().await.map_err(|source| QueueError::NoHost {
                executor: executor.kind(),
                source,
            })?;
            let host = enter_host(store, facts).await?;
            by_kind.insert(executor.kind(), Machine { executor, host });
        }
        Ok(Self { by_kind })
    }

    /// Where the queue's jobs run, if this worker can serve it.
    pub fn serve(&self, queue: Queue) -> Result<Served, QueueError> {
        let Some(machine) = self.by_kind.get(queue.executor.as_str()) else {
            return Err(QueueError::NoExecutor {
                queue: queue.name,
                executor: queue.executor,
                have: self.kinds(),
            });
        };
        let host = &machine.host;
        let fits = |(key, value): (&String, &String)| host.labels.get(key) == Some(value);
        if !queue.host_selector.iter().all(fits) {
            let labels = queue.host_selector.iter();
            let selector: Vec<String> = labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            return Err(QueueError::WrongHost {
                selector: selector.join(","),
                queue: queue.name,
                host: host.facts.name.clone(),
            });
        }
        Ok(Served {
            executor: machine.executor.clone(),
            host: host.id,
            queue,
        })
    }

    /// The queues that are named, each of which must be one that this worker can serve; or every
    /// one that it can, of which there must be one.
    pub async fn serve_all(
        &self,
        store: &Retrying,
        names: &[String],
    ) -> Result<Vec<Arc<Served>>, QueueError> {
        let mut served = Vec::new();
        for name in names {
            let queue = store.queue(name).await?;
            // Naming a queue twice means it once.
            if !served.iter().any(|s: &Arc<Served>| s.queue.id == queue.id) {
                served.push(Arc::new(self.serve(queue)?));
            }
        }
        if names.is_empty() {
            let queues = store.queues().await?;
            served = queues
                .into_iter()
                .filter_map(|queue| self.serve(queue).ok())
                .map(Arc::new)
                .collect();
            if served.is_empty() {
                return Err(QueueError::NothingToServe { have: self.kinds() });
            }
        }
        Ok(served)
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.by_kind.keys().copied().collect()
    }
}

async fn enter_host(store: &Retrying, facts: HostFacts) -> Result<Host, QueueError> {
    let id = store.register_host(&facts).await?;
    let known = store.hosts().await?.into_iter().find(|host| host.id == id);
    Ok(known.unwrap_or_else(|| Host {
        // It was entered a moment ago; if a person removed it since, it carries no labels.
        id,
        facts,
        labels: BTreeMap::new(),
        capacity: None,
        weight: 0,
        enabled: true,
        last_seen_at: jiff::Timestamp::UNIX_EPOCH,
    }))
}
