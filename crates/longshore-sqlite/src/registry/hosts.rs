//! Hosts: machines and engines, and what of them is taken.

use std::collections::BTreeMap;

use longshore_core::host::{Capacity, Host, HostChange, HostFacts, Used};
use longshore_core::spec::FieldError;
use longshore_core::{HostId, QueueId, WorkerId};
use rusqlite::{Row, named_params};

use super::workers::known_worker;
use crate::error::{Fault, Outcome};
use crate::rows::{Json, Micros, column, count, json};
use crate::sql;
use crate::tx::Tx;

pub(super) fn register_host(tx: &Tx<'_>, facts: &HostFacts) -> Outcome<HostId> {
    let params = named_params! {
        ":executor": facts.executor,
        ":identity": facts.identity,
        ":boot_id": facts.boot_id,
        ":name": facts.name,
        ":now": tx.now,
    };
    tx.one(sql!("register_host"), params, |row| row.get(0).map(HostId))
}

pub(super) fn note_host_problem(tx: &Tx<'_>, host: HostId, problem: &str) -> Outcome<()> {
    let params = named_params! { ":host": host.0, ":problem": problem };
    match tx.execute(sql!("note_host_problem"), params)? {
        1 => Ok(()),
        _ => Err(unknown(host)),
    }
}

/// The one writer makes the change between two fences: none goes by half of it.
pub(super) fn change_host(tx: &Tx<'_>, id: HostId, change: &HostChange) -> Outcome<Host> {
    let host = host(tx, id)?;
    let mut labels: BTreeMap<String, String> = host.labels;
    for (key, value) in &change.labels {
        match value {
            Some(value) => labels.insert(key.clone(), value.clone()),
            None => labels.remove(key),
        };
    }
    let capacity = host.capacity;
    let params = named_params! {
        ":host": id.0,
        ":enabled": change.enabled.unwrap_or(host.enabled),
        ":labels": json(&labels)?,
        ":weight": change.weight.unwrap_or(host.weight),
        ":slots": change.slots.unwrap_or(capacity.slots),
        ":memory_bytes": change.memory_bytes.unwrap_or(capacity.memory_bytes).map(column),
        ":millicpus": change.millicpus.unwrap_or(capacity.millicpus).map(column),
    };
    tx.execute(sql!("change_host"), params)?;
    self::host(tx, id)
}

pub(super) fn set_worker_reach(
    tx: &Tx<'_>,
    worker: WorkerId,
    hosts: &[HostId],
    queues: &[QueueId],
) -> Outcome<()> {
    let params = named_params! {
        ":worker": worker.0,
        ":host_ids": json(&hosts)?,
        ":queue_ids": json(&queues)?,
    };
    known_worker(worker, tx.execute(sql!("set_worker_reach"), params)?)
}

pub(super) fn hosts(tx: &Tx<'_>) -> Outcome<Vec<Host>> {
    let every: Option<i64> = None;
    tx.all(sql!("hosts"), named_params! { ":host": every }, from_row)
}

/// One host, with what is taken of it.
pub(crate) fn host(tx: &Tx<'_>, host: HostId) -> Outcome<Host> {
    let found = tx.maybe(sql!("hosts"), named_params! { ":host": host.0 }, from_row)?;
    found.ok_or_else(|| unknown(host))
}

fn unknown(host: HostId) -> Fault {
    let problem = format!("there is no host {host}");
    let field = "host".to_owned();
    Fault::Refused(FieldError { field, problem }.into())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Host> {
    let unsigned = |name| row.get::<_, Option<i64>>(name).map(|n| n.map(count));
    Ok(Host {
        id: HostId(row.get("id")?),
        facts: HostFacts {
            executor: row.get("executor")?,
            identity: row.get("identity")?,
            boot_id: row.get("boot_id")?,
            name: row.get("name")?,
        },
        labels: row.get::<_, Json<_>>("labels")?.0,
        capacity: Capacity {
            slots: row.get("slots")?,
            memory_bytes: unsigned("memory_bytes")?,
            millicpus: unsigned("millicpus")?,
        },
        used: Used {
            slots: row.get("used_slots")?,
            memory_bytes: count(row.get("used_memory_bytes")?),
            millicpus: count(row.get("used_millicpus")?),
        },
        weight: row.get("weight")?,
        enabled: row.get("enabled")?,
        problem: row.get("problem")?,
        last_seen_at: row.get::<_, Micros>("last_seen_at")?.time(),
        forgotten_at: row
            .get::<_, Option<Micros>>("forgotten_at")?
            .map(Micros::time),
    })
}
