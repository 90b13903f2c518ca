//! What there is beside jobs: queues, workers, hosts, templates.

mod queues;
mod templates;
mod workers;

use async_trait::async_trait;
use longshore_core::host::{Host, HostFacts};
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreResult, Worker};
use longshore_core::template::{Template, check_template};
use longshore_core::{HostId, WorkerId};
use rusqlite::{Row, named_params};

pub(crate) use self::queues::{all_queues, find_queue, queue_by_id};
use self::queues::{change_queue, create_queue};
use self::templates::{find_template, save_template, template_from_row};
use self::workers::{known_worker, register_worker, workers};
use crate::rows::{Json, Micros};
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
            Ok(draining.map_or(Heartbeat::Fenced, |drain| Heartbeat::Alive { drain }))
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
        let register = move |tx: &Tx<'_>| {
            let params = named_params! {
                ":executor": facts.executor,
                ":identity": facts.identity,
                ":boot_id": facts.boot_id,
                ":name": facts.name,
                ":now": tx.now,
            };
            tx.one(sql!("register_host"), params, |row| row.get(0).map(HostId))
        };
        self.engine
            .write("register a host", News::No, register)
            .await
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        self.engine
            .read("list hosts", |tx| tx.all(sql!("hosts"), [], host_from_row))
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

fn host_from_row(row: &Row<'_>) -> rusqlite::Result<Host> {
    Ok(Host {
        id: HostId(row.get("id")?),
        facts: HostFacts {
            executor: row.get("executor")?,
            identity: row.get("identity")?,
            boot_id: row.get("boot_id")?,
            name: row.get("name")?,
        },
        labels: row.get::<_, Json<_>>("labels")?.0,
        capacity: row.get("capacity")?,
        weight: row.get("weight")?,
        enabled: row.get("enabled")?,
        last_seen_at: row.get::<_, Micros>("last_seen_at")?.time(),
    })
}
