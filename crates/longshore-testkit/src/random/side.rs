//! One store of a lockstep, and what it begins and ends with.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::disposition::Disposition;
use longshore_core::host::{HostChange, HostFacts};
use longshore_core::ids::{HostId, QueueId};
use longshore_core::queue::{OnHostLost, QueueChange};
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, NewWorker, Retention, Store, StoreResult};

use super::names::Names;
use crate::store::scene::{host_facts, new_queue, new_worker};

/// The queues that there are; their ids grow in this order, as their names do.
pub(super) const QUEUES: [&str; 3] = ["line-a", "line-b", "line-c"];

/// The hosts that there are.
pub(super) const HOSTS: u8 = 2;

/// What is known of a host. Their names fall while their ids grow.
pub(super) fn host_facts_of(host: u8) -> HostFacts {
    let name = ["engine-b", "engine-a"][usize::from(host % HOSTS)];
    host_facts(name)
}

/// A worker of these queues and hosts, with room for few jobs.
pub(super) fn worker_of(queues: &[i64], hosts: &[i64]) -> NewWorker {
    let queues: Vec<_> = queues
        .iter()
        .filter_map(|id| Some(QueueId(i32::try_from(*id).ok()?)))
        .collect();
    NewWorker {
        hosts: hosts.iter().map(|id| HostId(*id)).collect(),
        capacity: 3,
        ..new_worker(&queues)
    }
}

/// One store.
pub(super) struct Side {
    pub(super) store: Arc<dyn Store>,
    pub(super) names: Names,
}

impl Side {
    /// A store on which nothing is going on, with queues and hosts as if they were new.
    pub(super) async fn begin(store: Arc<dyn Store>) -> StoreResult<Self> {
        let mut names = Names::new();
        for (name, ours) in QUEUES.iter().zip(1..) {
            let queue = match store.queue(name).await {
                Ok(queue) => queue,
                Err(_) => store.create_queue(&new_queue(name)).await?,
            };
            let labels = queue.host_selector.keys();
            let change = QueueChange {
                max_concurrent: Some(None),
                paused: Some(false),
                host_selector: labels.map(|key| (key.clone(), None)).collect(),
                ageing: Some(None),
                on_host_lost: Some(OnHostLost::Wait),
            };
            let queue = store.change_queue(name, &change).await?;
            names.queues.learn(QueueId(ours), queue.id);
            names.epochs.insert(QueueId(ours), queue.epoch);
        }
        for host in 0..HOSTS {
            let id = store.register_host(&host_facts_of(host)).await?;
            let change = HostChange {
                enabled: Some(true),
                labels: [("zone".to_owned(), None)].into(),
                weight: Some(1),
                slots: Some(None),
                memory_bytes: Some(None),
                millicpus: Some(None),
            };
            store.change_host(id, &change).await?;
            names.hosts.learn(HostId(i64::from(host) + 1), id);
        }
        Ok(Self { store, names })
    }

    /// Waits until what was put off for no more than `delay` is due.
    pub(super) async fn pass(&self, delay: Duration) -> StoreResult<()> {
        let due = self.store.now().await? + delay;
        // A bound, because a clock that stands still is a defect that must show.
        for _ in 0..10_000 {
            if self.store.now().await? > due {
                break;
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Ok(())
    }

    /// Ends and takes away everything, so that the next list of operations finds nothing.
    pub(super) async fn sweep(&self) -> StoreResult<bool> {
        let mut finishes = Vec::new();
        for worker in self.names.workers.reals() {
            for held in self.store.leases_of(worker).await? {
                finishes.push(Finish {
                    lease: held.key,
                    record: AttemptRecord::of(Outcome::Cancelled),
                    then: Disposition::Settle(TerminalState::Cancelled),
                });
            }
            self.store.stop_worker(worker).await?;
        }
        self.store.finish(&finishes).await?;
        for job in crate::store::rest::every_job(&*self.store).await {
            self.store.request_cancel(job.id).await?;
        }
        let retention = Retention {
            keep: Duration::ZERO,
            batch: 1000,
        };
        while self.store.prune(retention).await?.more {}
        // What a defect left behind must not be found again by a list that has nothing to do with it.
        Ok(self.store.newest_job().await?.is_none() && self.store.audit().await?.is_empty())
    }
}
