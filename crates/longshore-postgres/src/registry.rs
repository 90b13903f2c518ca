//! [`Registry`]: queues and workers; hosts are in `hosts.rs`, templates in `templates.rs`.

use async_trait::async_trait;
use longshore_core::host::{Host, HostChange, HostFacts};
use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, OnHostLost, Queue, QueueChange};
use longshore_core::spec::FieldError;
use longshore_core::store::{Heartbeat, NewWorker, Registry, StoreError, StoreResult, Worker};
use longshore_core::template::Template;
use longshore_core::{HostId, QueueId, WorkerId, suggest};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::rows::{self, column, converted, storable};
use crate::timestamps::{At, Due};
use crate::{PostgresStore, hosts, templates};

#[async_trait]
impl Registry for PostgresStore {
    async fn queues(&self) -> StoreResult<Vec<Queue>> {
        const VERB: &str = "list queues";
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/queues.sql"), &[])
            .await?;
        rows.iter().map(|row| rows::queue(VERB, row)).collect()
    }

    async fn queue(&self, name: &str) -> StoreResult<Queue> {
        let queues = self.queues().await?;
        let names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
        queues
            .into_iter()
            .find(|queue| queue.name == name)
            .ok_or_else(|| {
                let hint = suggest::hint(name, names.iter().map(String::as_str));
                StoreError::UnknownQueue {
                    name: name.to_owned(),
                    hint,
                }
            })
    }

    async fn create_queue(&self, queue: &NewQueue) -> StoreResult<Queue> {
        const VERB: &str = "make a queue";
        queue.validate()?;
        let limit = queue.max_concurrent.map(limit_parameter);
        let selector = serde_json::to_string(&queue.host_selector)
            .map_err(|e| StoreError::unexpected(VERB, e))?;
        let sql = include_str!("../sql/create_queue.sql");
        let made = self
            .db
            .maybe(
                VERB,
                sql,
                &[&queue.name, &queue.executor, &selector, &limit],
            )
            .await?;
        match made {
            Some(row) => rows::queue(VERB, &row),
            None => Err(StoreError::QueueExists(queue.name.clone())),
        }
    }

    async fn change_queue(&self, name: &str, change: &QueueChange) -> StoreResult<Queue> {
        const VERB: &str = "change the queue";
        change.validate()?;
        let changes_limit = change.max_concurrent.is_some();
        let limit = change.max_concurrent.flatten().map(limit_parameter);
        let selector = serde_json::to_string(&change.host_selector)
            .map_err(|e| StoreError::unexpected(VERB, e))?;
        let sql = longshore_fault::edited!(
            "postgres/change_queue",
            include_str!("../sql/change_queue.sql")
        );
        let changed = self
            .db
            .maybe(
                VERB,
                sql,
                &[
                    &storable(name),
                    &changes_limit,
                    &limit,
                    &change.paused,
                    &selector,
                    &change.on_host_lost.map(OnHostLost::as_str),
                    &change.ageing.is_some(),
                    &change.ageing.flatten().map(|ageing| ageing.as_secs_f64()),
                ],
            )
            .await?;
        match changed {
            Some(row) => {
                let queue = rows::queue(VERB, &row)?;
                self.notifier.hint([queue.id]).await;
                Ok(queue)
            }
            // Asks by name, for the error that suggests another.
            None => self.queue(name).await,
        }
    }

    async fn register_worker(&self, worker: &NewWorker) -> StoreResult<WorkerId> {
        const VERB: &str = "register the worker";
        let ttl = worker.lease_ttl.as_secs_f64();
        // Numbers for people to read: what does not fit is shown as the most that does.
        let pid = i32::try_from(worker.pid).unwrap_or(i32::MAX);
        let capacity = i32::try_from(worker.capacity).unwrap_or(i32::MAX);
        let [name, hostname, boot_id, version] = [
            &worker.name,
            &worker.hostname,
            &worker.boot_id,
            &worker.version,
        ]
        .map(|t| storable(t));
        let queues: Vec<i32> = worker.queues.iter().map(|queue| queue.0).collect();
        let hosts: Vec<i64> = worker.hosts.iter().map(|host| host.0).collect();
        let sql = include_str!("../sql/register_worker.sql");
        let row = self
            .db
            .one(
                VERB,
                sql,
                &[
                    &ttl, &pid, &capacity, &name, &hostname, &boot_id, &version, &queues, &hosts,
                ],
            )
            .await?;
        Ok(WorkerId(column(VERB, &row, "id")?))
    }

    async fn heartbeat(&self, worker: WorkerId) -> StoreResult<Heartbeat> {
        const VERB: &str = "heartbeat";
        let sql = include_str!("../sql/heartbeat.sql");
        match self.db.maybe(VERB, sql, &[&worker.0]).await? {
            Some(row) => Ok(Heartbeat::Alive {
                drain: column(VERB, &row, "draining")?,
                at: column::<At>(VERB, &row, "heartbeat_at")?.0,
            }),
            None => Ok(Heartbeat::Fenced),
        }
    }

    async fn drain_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let sql = include_str!("../sql/drain_worker.sql");
        let found = self.db.maybe("drain the worker", sql, &[&worker.0]).await?;
        known_worker(worker, found.as_ref())
    }

    async fn stop_worker(&self, worker: WorkerId) -> StoreResult<()> {
        let sql = include_str!("../sql/stop_worker.sql");
        let found = self.db.maybe("stop the worker", sql, &[&worker.0]).await?;
        known_worker(worker, found.as_ref())
    }

    async fn workers(&self, all: bool) -> StoreResult<Vec<Worker>> {
        const VERB: &str = "list workers";
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/workers.sql"), &[&all])
            .await?;
        rows.iter().map(|row| worker(VERB, row)).collect()
    }

    async fn register_host(&self, facts: &HostFacts) -> StoreResult<HostId> {
        hosts::register(&self.db, facts).await
    }

    async fn note_host_problem(&self, host: HostId, problem: &str) -> StoreResult<()> {
        hosts::note_problem(&self.db, host, problem).await
    }

    async fn change_host(&self, host: HostId, change: &HostChange) -> StoreResult<Host> {
        let changed = hosts::change(&self.db, host, change).await?;
        // There may be room now, for whichever queue.
        let queues = self.queues().await?;
        self.notifier
            .hint(queues.iter().map(|queue| queue.id))
            .await;
        Ok(changed)
    }

    async fn set_worker_reach(
        &self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> StoreResult<()> {
        let hosts: Vec<i64> = hosts.iter().map(|host| host.0).collect();
        let queues: Vec<i32> = queues.iter().map(|queue| queue.0).collect();
        let sql = include_str!("../sql/set_worker_reach.sql");
        let verb = "set the worker's hosts and queues";
        let params: [&(dyn ToSql + Sync); 3] = [&worker.0, &hosts, &queues];
        let found = self.db.maybe(verb, sql, &params).await?;
        known_worker(worker, found.as_ref())
    }

    async fn hosts(&self) -> StoreResult<Vec<Host>> {
        hosts::all(&self.db).await
    }

    async fn save_template(&self, name: &str, body: &str) -> StoreResult<Template> {
        templates::save(&self.db, name, body).await
    }

    async fn templates(&self) -> StoreResult<Vec<Template>> {
        templates::all(&self.db).await
    }

    async fn templates_named(&self, names: &[String]) -> StoreResult<Vec<Template>> {
        templates::named(&self.db, names).await
    }
}

fn known_worker(worker: WorkerId, found: Option<&Row>) -> StoreResult<()> {
    match found {
        Some(_) => Ok(()),
        None => Err(StoreError::Invalid(FieldError {
            field: "worker".to_owned(),
            problem: format!("there is no worker {worker}"),
        })),
    }
}

fn limit_parameter(limit: Limit) -> i32 {
    i32::try_from(limit.0).expect("a validated limit is at most Limit::MAX")
}

fn worker(verb: &'static str, row: &Row) -> StoreResult<Worker> {
    let At(started_at) = column(verb, row, "started_at")?;
    let At(heartbeat_at) = column(verb, row, "heartbeat_at")?;
    let stopped_at: Option<Due> = column(verb, row, "stopped_at")?;
    Ok(Worker {
        id: WorkerId(column(verb, row, "id")?),
        name: column(verb, row, "name")?,
        hostname: column(verb, row, "hostname")?,
        pid: converted::<i32, u32>(verb, row, "pid")?,
        version: column(verb, row, "version")?,
        queues: column(verb, row, "queues")?,
        hosts: column::<Vec<i64>>(verb, row, "host_ids")?
            .into_iter()
            .map(HostId)
            .collect(),
        capacity: converted::<i32, u32>(verb, row, "capacity")?,
        live: converted::<i64, u32>(verb, row, "live")?,
        started_at,
        heartbeat_at,
        stopped_at: stopped_at.and_then(|Due(at)| at),
        draining: column(verb, row, "draining")?,
        fenced: column(verb, row, "fenced")?,
        alive: column(verb, row, "alive")?,
    })
}
