//! [`Registry`], repeated on contention.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreResult, Worker};
use longshore_core::template::Template;
use longshore_core::{HostId, QueueId, WorkerId};

use super::Retrying;

#[async_trait]
impl Registry for Retrying {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.call("queues", |store| async move { store.queues().await })
            .await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        let name: Arc<str> = name.into();
        self.call("queue", move |store| {
            let name = Arc::clone(&name);
            async move { store.queue(&name).await }
        })
        .await
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        let queue = queue.clone();
        self.call("create_queue", move |store| {
            let queue = queue.clone();
            async move { store.create_queue(&queue).await }
        })
        .await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        let (name, change): (Arc<str>, _) = (name.into(), change.clone());
        self.call("change_queue", move |store| {
            let (name, change) = (Arc::clone(&name), change.clone());
            async move { store.change_queue(&name, &change).await }
        })
        .await
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        let worker = worker.clone();
        self.call("register_worker", move |store| {
            let worker = worker.clone();
            async move { store.register_worker(&worker).await }
        })
        .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        self.call("heartbeat", move |store| async move {
            store.heartbeat(worker).await
        })
        .await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.call("drain_worker", move |store| async move {
            store.drain_worker(worker).await
        })
        .await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        self.call("stop_worker", move |store| async move {
            store.stop_worker(worker).await
        })
        .await
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.call(
            "workers",
            move |store| async move { store.workers(all).await },
        )
        .await
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        let facts = facts.clone();
        self.call("register_host", move |store| {
            let facts = facts.clone();
            async move { store.register_host(&facts).await }
        })
        .await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        let problem: Arc<str> = problem.into();
        self.call("note_host_problem", move |store| {
            let problem = Arc::clone(&problem);
            async move { store.note_host_problem(host, &problem).await }
        })
        .await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        let change = change.clone();
        self.call("change_host", move |store| {
            let change = change.clone();
            async move { store.change_host(host, &change).await }
        })
        .await
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        let (hosts, queues): (Arc<[HostId]>, Arc<[QueueId]>) = (hosts.into(), queues.into());
        self.call("set_worker_reach", move |store| {
            let (hosts, queues) = (Arc::clone(&hosts), Arc::clone(&queues));
            async move { store.set_worker_reach(worker, &hosts, &queues).await }
        })
        .await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.call("hosts", |store| async move { store.hosts().await })
            .await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        let (name, body): (Arc<str>, Arc<str>) = (name.into(), body.into());
        self.call("save_template", move |store| {
            let (name, body) = (Arc::clone(&name), Arc::clone(&body));
            async move { store.save_template(&name, &body).await }
        })
        .await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        self.call("templates", |store| async move { store.templates().await })
            .await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        let names: Arc<[String]> = names.into();
        self.call("templates_named", move |store| {
            let names = Arc::clone(&names);
            async move { store.templates_named(&names).await }
        })
        .await
    }
}
