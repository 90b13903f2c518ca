//! Workers: one row per start of a process.

use std::time::Duration;

use longshore_core::spec::FieldError;
use longshore_core::store::{NewWorker, Worker};
use longshore_core::{HostId, WorkerId};
use rusqlite::named_params;

use crate::error::{Fault, Outcome};
use crate::rows::{Json, Micros, duration, json, micros};
use crate::sql;
use crate::tx::Tx;

pub(super) fn register_worker(tx: &Tx<'_>, worker: &NewWorker) -> Outcome<WorkerId> {
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
        ":host_ids": json(&worker.hosts)?,
    };
    tx.one(sql!("register_worker"), params, |row| {
        row.get(0).map(WorkerId)
    })
}

pub(super) fn known_worker(worker: WorkerId, changed: usize) -> Outcome<()> {
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

pub(super) fn workers(tx: &Tx<'_>, all: bool) -> Outcome<Vec<Worker>> {
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
            hosts: row.get::<_, Json<Vec<HostId>>>("host_ids")?.0,
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
