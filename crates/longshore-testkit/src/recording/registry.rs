//! [`Registry`]: queues and workers written down; hosts and templates, which no promise of a
//! history speaks of, passed on.

use async_trait::async_trait;
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreResult, Worker};
use longshore_core::template::Template;
use longshore_core::{HostId, QueueId, WorkerId};
use longshore_history as history;
use longshore_history::store::{Answer, Call, Nothing, OneWorker, QueueWish};

use super::{Recording, words};

#[async_trait]
impl Registry for Recording {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.inner.queues().await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        self.inner.queue(name).await
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        let call = Call::CreateQueue(QueueWish {
            name: queue.name.clone(),
            sets_limit: true,
            limit: queue.max_concurrent.map(|limit| limit.0),
            paused: None,
        });
        self.call(call, self.inner.create_queue(queue), |queue| {
            Answer::CreateQueue(words::queue_fact(queue))
        })
        .await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        let call = Call::ChangeQueue(QueueWish {
            name: name.to_owned(),
            sets_limit: change.max_concurrent.is_some(),
            limit: change.max_concurrent.flatten().map(|limit| limit.0),
            paused: change.paused,
        });
        self.call(call, self.inner.change_queue(name, change), |queue| {
            Answer::ChangeQueue(words::queue_fact(queue))
        })
        .await
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        let call = Call::RegisterWorker(history::store::NewWorker {
            name: worker.name.clone(),
            ttl: u64::try_from(worker.lease_ttl.as_micros()).unwrap_or(u64::MAX),
        });
        self.call(call, self.inner.register_worker(worker), |id| {
            Answer::RegisterWorker(this(*id))
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        let call = Call::Heartbeat(this(worker));
        self.call(call, self.inner.heartbeat(worker), |beat| {
            Answer::Heartbeat(words::heartbeat(*beat))
        })
        .await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let call = Call::DrainWorker(this(worker));
        self.call(call, self.inner.drain_worker(worker), |()| {
            Answer::DrainWorker(Nothing {})
        })
        .await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let call = Call::StopWorker(this(worker));
        self.call(call, self.inner.stop_worker(worker), |()| {
            Answer::StopWorker(Nothing {})
        })
        .await
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.inner.workers(all).await
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        self.inner.register_host(facts).await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        self.inner.note_host_problem(host, problem).await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        self.inner.change_host(host, change).await
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        self.inner.set_worker_reach(worker, hosts, queues).await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.inner.hosts().await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        self.inner.save_template(name, body).await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        self.inner.templates().await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        self.inner.templates_named(names).await
    }
}

fn this(worker: WorkerId) -> OneWorker {
    OneWorker {
        worker: history::WorkerId(worker.0),
    }
}
