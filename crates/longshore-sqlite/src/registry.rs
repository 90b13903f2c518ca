//! What there is beside jobs: queues, workers, hosts, templates.

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::host::{Host, HostFacts};
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::spec::{FieldError, check_name};
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreError, StoreResult, Worker};
use longshore_core::template::{MAX_TEMPLATE_BYTES, Template, parse_template};
use longshore_core::{HostId, QueueId, WorkerId, suggest};
use rusqlite::{Row, named_params};

use crate::error::{Fault, Outcome};
use crate::rows::{Json, Micros, duration, json, micros};
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
        check_name("name", &queue.name)?;
        check_name("executor", &queue.executor)?;
        let queue = queue.clone();
        self.engine
            .write("create a queue", News::Yes, move |tx| {
                create_queue(tx, &queue)
            })
            .await
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
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

/// One queue, or an error that suggests another.
pub(crate) fn find_queue(tx: &Tx<'_>, name: &str) -> Outcome<Queue> {
    let params = named_params! { ":name": name };
    if let Some(queue) = tx.maybe(sql!("queue_by_name"), params, queue_from_row)? {
        return Ok(queue);
    }
    let all = all_queues(tx)?;
    let hint = suggest::hint(name, all.iter().map(|queue| queue.name.as_str()));
    Err(StoreError::UnknownQueue {
        name: name.to_owned(),
        hint,
    }
    .into())
}

/// One queue, by the id that a job's row names.
pub(crate) fn queue_by_id(tx: &Tx<'_>, queue: QueueId) -> Outcome<Queue> {
    tx.one(
        sql!("queue_by_id"),
        named_params! { ":queue": queue.0 },
        queue_from_row,
    )
}

/// Every queue, by name.
pub(crate) fn all_queues(tx: &Tx<'_>) -> Outcome<Vec<Queue>> {
    tx.all(sql!("queues"), [], queue_from_row)
}

fn create_queue(tx: &Tx<'_>, queue: &NewQueue) -> Outcome<Queue> {
    let params = named_params! {
        ":name": queue.name,
        ":executor": queue.executor,
        ":host_selector": json(&queue.host_selector)?,
        ":max_concurrent": queue.max_concurrent.map(|limit| limit.0),
        ":now": tx.now,
    };
    if tx.execute(sql!("create_queue"), params)? == 0 {
        return Err(StoreError::QueueExists(queue.name.clone()).into());
    }
    find_queue(tx, &queue.name)
}

fn change_queue(tx: &Tx<'_>, name: &str, change: &QueueChange) -> Outcome<Queue> {
    let params = named_params! {
        ":name": name,
        ":changes_limit": change.max_concurrent.is_some(),
        ":max_concurrent": change.max_concurrent.flatten().map(|limit| limit.0),
        ":paused": change.paused,
    };
    tx.execute(sql!("change_queue"), params)?;
    // An unknown name changed nothing, and is told so here.
    find_queue(tx, name)
}

fn register_worker(tx: &Tx<'_>, worker: &NewWorker) -> Outcome<WorkerId> {
    let params = named_params! {
        ":now": tx.now,
        ":lease_ttl_micros": micros(worker.lease_ttl),
        ":pid": worker.pid,
        ":capacity": worker.capacity,
        ":name": worker.name,
        ":hostname": worker.hostname,
        ":boot_id": worker.boot_id,
        ":version": worker.version,
        ":queue_ids": json(&worker.queues)?,
    };
    tx.one(sql!("register_worker"), params, |row| {
        row.get(0).map(WorkerId)
    })
}

fn known_worker(worker: WorkerId, changed: usize) -> Outcome<()> {
    if changed == 1 {
        return Ok(());
    }
    let problem = format!("there is no worker {worker}");
    Err(Fault::Refused(
        FieldError {
            field: "worker".to_owned(),
            problem,
        }
        .into(),
    ))
}

fn workers(tx: &Tx<'_>, all: bool) -> Outcome<Vec<Worker>> {
    let params = named_params! { ":all": all, ":now": tx.now };
    tx.all(sql!("workers"), params, |row| {
        let heartbeat_at: Micros = row.get("heartbeat_at")?;
        let stopped_at: Option<Micros> = row.get("stopped_at")?;
        let fenced = row.get("fenced")?;
        let lease_ttl: Duration = duration(row.get("lease_ttl_micros")?);
        let is_heard_of = heartbeat_at.plus(lease_ttl) > tx.now;
        Ok(Worker {
            id: WorkerId(row.get("id")?),
            name: row.get("name")?,
            hostname: row.get("hostname")?,
            pid: row.get("pid")?,
            version: row.get("version")?,
            queues: row.get::<_, Json<Vec<String>>>("queues")?.0,
            capacity: row.get("capacity")?,
            live: row.get("live")?,
            started_at: row.get::<_, Micros>("started_at")?.time(),
            heartbeat_at: heartbeat_at.time(),
            stopped_at: stopped_at.map(Micros::time),
            draining: row.get("draining")?,
            fenced,
            alive: stopped_at.is_none() && !fenced && is_heard_of,
        })
    })
}

fn check_template(name: &str, body: &str) -> StoreResult<()> {
    check_name("name", name)?;
    let refuse = |problem: String| FieldError {
        field: "body".to_owned(),
        problem,
    };
    if body.len() > MAX_TEMPLATE_BYTES {
        let problem = format!(
            "has {} bytes; at most {MAX_TEMPLATE_BYTES} are allowed",
            body.len()
        );
        return Err(refuse(problem).into());
    }
    parse_template(body).map_err(|error| refuse(error.to_string()))?;
    Ok(())
}

fn save_template(tx: &Tx<'_>, name: &str, body: &str) -> Outcome<Template> {
    let newest = newest_template(tx, name)?;
    let version = match newest {
        Some(newest) if newest.body == body => return Ok(newest),
        Some(newest) => newest.version + 1,
        None => 1,
    };
    let params =
        named_params! { ":name": name, ":version": version, ":body": body, ":now": tx.now };
    tx.execute_one(sql!("save_template"), params)?;
    let created_at = tx.now.time();
    Ok(Template {
        name: name.to_owned(),
        version,
        body: body.to_owned(),
        created_at,
    })
}

fn newest_template(tx: &Tx<'_>, name: &str) -> Outcome<Option<Template>> {
    tx.maybe(
        sql!("template_newest"),
        named_params! { ":name": name },
        template_from_row,
    )
}

fn find_template(tx: &Tx<'_>, name: &str) -> Outcome<Template> {
    if let Some(template) = newest_template(tx, name)? {
        return Ok(template);
    }
    let all = tx.all(sql!("templates"), [], template_from_row)?;
    let hint = if all.is_empty() {
        "there are none yet".to_owned()
    } else {
        suggest::hint(name, all.iter().map(|template| template.name.as_str()))
    };
    Err(StoreError::UnknownTemplate {
        name: name.to_owned(),
        hint,
    }
    .into())
}

fn queue_from_row(row: &Row<'_>) -> rusqlite::Result<Queue> {
    Ok(Queue {
        id: QueueId(row.get("id")?),
        name: row.get("name")?,
        executor: row.get("executor")?,
        host_selector: row.get::<_, Json<_>>("host_selector")?.0,
        max_concurrent: row.get::<_, Option<u32>>("max_concurrent")?.map(Limit),
        paused: row.get("paused")?,
        ageing: row.get::<_, Option<i64>>("ageing_micros")?.map(duration),
        epoch: row.get("epoch")?,
    })
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

fn template_from_row(row: &Row<'_>) -> rusqlite::Result<Template> {
    Ok(Template {
        name: row.get("name")?,
        version: row.get("version")?,
        body: row.get("body")?,
        created_at: row.get::<_, Micros>("created_at")?.time(),
    })
}
