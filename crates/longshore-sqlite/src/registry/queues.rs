//! Queues: named lines of jobs.

use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, OnHostLost, Queue, QueueChange};
use longshore_core::store::StoreError;
use longshore_core::{QueueId, suggest};
use rusqlite::{Row, named_params};

use crate::error::Outcome;
use crate::places;
use crate::rows::{Json, Word, duration, json, micros};
use crate::sql;
use crate::tx::Tx;

/// One queue, or an error that suggests another.
pub(crate) fn find_queue(tx: &Tx<'_>, name: &str) -> Outcome<Queue> {
    let params = named_params! { ":name": name };
    if let Some(queue) = tx.maybe(sql!("queues_by_name"), params, queue_from_row)? {
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
        sql!("queues_by_id"),
        named_params! { ":queue": queue.0 },
        queue_from_row,
    )
}

/// Every queue, by name.
pub(crate) fn all_queues(tx: &Tx<'_>) -> Outcome<Vec<Queue>> {
    tx.all(sql!("queues"), [], queue_from_row)
}

pub(super) fn create_queue(tx: &Tx<'_>, queue: &NewQueue) -> Outcome<Queue> {
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

pub(super) fn change_queue(tx: &Tx<'_>, name: &str, change: &QueueChange) -> Outcome<Queue> {
    let params = named_params! {
        ":name": name,
        ":changes_limit": change.max_concurrent.is_some(),
        ":max_concurrent": change.max_concurrent.flatten().map(|limit| limit.0),
        ":paused": change.paused,
        ":host_selector": json(&change.host_selector)?,
        ":on_host_lost": change.on_host_lost.map(OnHostLost::as_str),
        ":changes_ageing": change.ageing.is_some(),
        ":ageing_micros": change.ageing.flatten().map(micros),
    };
    tx.execute(sql!("change_queue"), params)?;
    // An unknown name changed nothing, and is told so here.
    let queue = find_queue(tx, name)?;
    if change.ageing.is_some() {
        places::unmark(tx, queue.id)?;
    }
    Ok(queue)
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
        on_host_lost: row.get::<_, Word<_>>("on_host_lost")?.0,
        epoch: row.get("epoch")?,
    })
}
