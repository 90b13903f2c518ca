//! Queues, workers, hosts and templates, in the store in memory.

use async_trait::async_trait;
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreError, StoreResult, Worker};
use longshore_core::template::Template;
use longshore_core::{HostId, QueueId, Timestamp, WorkerId};
use tokio::time::Instant;

use super::{MemoryStore, WorkerRow, unused};

#[async_trait]
impl Registry for MemoryStore {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.verb("queues", |inner| Ok(inner.queues.clone())).await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        self.verb("queue", |inner| {
            let found = inner
                .queues
                .iter()
                .find(|queue| queue.name == name)
                .cloned();
            found.ok_or_else(|| StoreError::UnknownQueue {
                name: name.to_owned(),
                hint: "known: local, default".to_owned(),
            })
        })
        .await
    }

    async fn create_queue(&self, _queue: &NewQueue) -> StoreResult<Queue> {
        unused("create_queue")
    }

    async fn change_queue(&self, _name: &str, _change: &QueueChange) -> StoreResult<Queue> {
        unused("change_queue")
    }

    async fn register_worker(&self, _worker: &NewWorker) -> StoreResult<WorkerId> {
        self.verb("register_worker", |inner| {
            let id = WorkerId(inner.workers.keys().last().map_or(1, |last| last.0 + 1));
            inner.workers.insert(id, WorkerRow::default());
            Ok(id)
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        self.verb("heartbeat", |inner| {
            let row = inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered");
            if row.fenced {
                return Ok(Heartbeat::Fenced);
            }
            row.heartbeats += 1;
            row.last_heartbeat = Some(Instant::now());
            Ok(Heartbeat::Alive {
                drain: row.draining,
                at: Timestamp::UNIX_EPOCH,
            })
        })
        .await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.verb("drain_worker", |inner| {
            inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered")
                .draining = true;
            Ok(())
        })
        .await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.verb("stop_worker", |inner| {
            inner
                .workers
                .get_mut(&worker)
                .expect("the worker is registered")
                .stopped = true;
            Ok(())
        })
        .await
    }

    async fn workers(&self, _all: bool) -> StoreResult<Vec<Worker>> {
        unused("workers")
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        self.verb("register_host", |inner| Ok(inner.enter(facts)))
            .await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        self.verb("note_host_problem", |inner| {
            let known = inner.hosts.iter_mut();
            for known in known.filter(|known| known.id == host) {
                known.problem = Some(problem.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn change_host(&self, _host: HostId, _change: &HostChange) -> StoreResult<Host> {
        unused("change_host")
    }

    async fn set_worker_reach(
        &self,
        _worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        self.verb("set_worker_reach", |inner| {
            inner.reached = hosts.to_vec();
            inner.served = queues.to_vec();
            Ok(())
        })
        .await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.verb("hosts", |inner| {
            let known = inner.hosts.iter();
            let with_use = |host: &Host| Host {
                used: inner.used(host.id),
                ..host.clone()
            };
            Ok(known.map(with_use).collect())
        })
        .await
    }

    async fn save_template(&self, _name: &str, _body: &str) -> StoreResult<Template> {
        unused("save_template")
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        unused("templates")
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        self.verb("templates_named", |inner| {
            let find = |name: &String| {
                let found = inner
                    .templates
                    .iter()
                    .find(|template| template.name == *name);
                found.cloned().ok_or_else(|| StoreError::UnknownTemplate {
                    name: name.clone(),
                    hint: "there are none".to_owned(),
                })
            };
            names.iter().map(find).collect()
        })
        .await
    }
}
