//! What there is beside jobs: queues, workers, hosts, templates.

mod hosts;
mod queues;
mod templates;
mod workers;

use async_trait::async_trait;
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreResult, Worker};
use longshore_core::template::{Template, check_template};
use longshore_core::{HostId, QueueId, WorkerId};
use rusqlite::named_params;

pub(crate) use self::hosts::host;
use self::hosts::{change_host, hosts, note_host_problem, register_host, set_worker_reach};
pub(crate) use self::queues::{all_queues, find_queue, queue_by_id};
use self::queues::{change_queue, create_queue};
use self::templates::{find_template, save_template, template_from_row};
use self::workers::{known_worker, register_worker, workers};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

#[async_trait]
impl Registry for SqliteStore {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        self.engine.read("list queues", all_queues).await
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        let name = name.to_owned();
        self.engine
            .read("look up a queue", move |tx| find_queue(tx, &name))
            .await
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        queue.validate()?;
        let queue = queue.clone();
        self.engine
            .write("create a queue", News::Yes, move |tx| {
                create_queue(tx, &queue)
            })
            .await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        change.validate()?;
        let (name, change) = (name.to_owned(), change.clone());
        let work = move |tx: &Tx<'_>| change_queue(tx, &name, &change);
        self.engine.write("change a queue", News::Yes, work).await
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        let worker = worker.clone();
        let work = move |tx: &Tx<'_>| register_worker(tx, &worker);
        self.engine
            .write("register a worker", News::Yes, work)
            .await
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        let beat = move |tx: &Tx<'_>| {
            let params = named_params! { ":worker": worker.0, ":now": tx.now };
            let draining = tx.maybe(sql!("heartbeat"), params, |row| row.get(0))?;
            let alive = |drain| Heartbeat::Alive {
                drain,
                at: tx.now.time(),
            };
            Ok(draining.map_or(Heartbeat::Fenced, alive))
        };
        self.engine.write("send a heartbeat", News::No, beat).await
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let drain = move |tx: &Tx<'_>| {
            let changed =
                tx.execute(sql!("drain_worker"), named_params! { ":worker": worker.0 })?;
            known_worker(worker, changed)
        };
        self.engine.write("drain a worker", News::Yes, drain).await
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let stop = move |tx: &Tx<'_>| {
            let params = named_params! { ":worker": worker.0, ":now": tx.now };
            known_worker(worker, tx.execute(sql!("stop_worker"), params)?)
        };
        self.engine.write("stop a worker", News::Yes, stop).await
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        self.engine
            .read("list workers", move |tx| workers(tx, all))
            .await
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        let facts = facts.clone();
        let register = move |tx: &Tx<'_>| register_host(tx, &facts);
        self.engine
            .write("register a host", News::No, register)
            .await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.engine.read("list hosts", hosts).await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        let problem = problem.to_owned();
        let note = move |tx: &Tx<'_>| note_host_problem(tx, host, &problem);
        self.engine
            .write("note a host's problem", News::No, note)
            .await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        change.validate()?;
        let change = change.clone();
        let work = move |tx: &Tx<'_>| change_host(tx, host, &change);
        // There may be room now.
        self.engine.write("change a host", News::Yes, work).await
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        let (hosts, queues) = (hosts.to_vec(), queues.to_vec());
        let set = move |tx: &Tx<'_>| set_worker_reach(tx, worker, &hosts, &queues);
        self.engine
            .write("set a worker's hosts and queues", News::No, set)
            .await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        check_template(name, body)?;
        let (name, body) = (name.to_owned(), body.to_owned());
        let save = move |tx: &Tx<'_>| save_template(tx, &name, &body);
        self.engine.write("save a template", News::No, save).await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        let list = |tx: &Tx<'_>| tx.all(sql!("templates"), [], template_from_row);
        self.engine.read("list templates", list).await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        let names = names.to_vec();
        let find = move |tx: &Tx<'_>| names.iter().map(|name| find_template(tx, name)).collect();
        self.engine.read("look up templates", find).await
    }
}
