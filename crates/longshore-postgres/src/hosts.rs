//! Hosts: machines and engines, and what of them is taken.

use std::collections::BTreeMap;

use longshore_core::HostId;
use longshore_core::host::{Capacity, Host, HostChange, HostFacts, Used};
use longshore_core::spec::FieldError;
use longshore_core::store::{StoreError, StoreResult};
use tokio_postgres::Row;

use crate::db::Db;
use crate::rows::{column, converted, storable, text_map};
use crate::timestamps::At;

/// Enters a host, or notes that it was seen and is well.
pub(crate) async fn register(db: &Db, facts: &HostFacts) -> StoreResult<HostId> {
    const VERB: &str = "register the host";
    let [executor, identity, boot_id, name] = [
        &facts.executor,
        &facts.identity,
        &facts.boot_id,
        &facts.name,
    ]
    .map(|t| storable(t));
    let sql = include_str!("../sql/register_host.sql");
    let row = db
        .one(VERB, sql, &[&executor, &identity, &boot_id, &name])
        .await?;
    Ok(HostId(column(VERB, &row, "id")?))
}

/// Notes what keeps a worker from reaching a host.
pub(crate) async fn note_problem(db: &Db, host: HostId, problem: &str) -> StoreResult<()> {
    let sql = include_str!("../sql/note_host_problem.sql");
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&host.0, &storable(problem)];
    match db.maybe("note the host's problem", sql, &params).await? {
        Some(_) => Ok(()),
        None => Err(unknown(host)),
    }
}

/// Changes what people say of a host.
pub(crate) async fn change(db: &Db, id: HostId, change: &HostChange) -> StoreResult<Host> {
    const VERB: &str = "change the host";
    change.validate()?;
    let set: BTreeMap<&String, &String> = change
        .labels
        .iter()
        .filter_map(|(key, value)| Some((key, value.as_ref()?)))
        .collect();
    let set = serde_json::to_string(&set).map_err(|e| StoreError::unexpected(VERB, e))?;
    let unset = change.labels.iter().filter(|(_, value)| value.is_none());
    let unset: Vec<&str> = unset.map(|(key, _)| key.as_str()).collect();
    let slots = change.slots.flatten();
    let slots = slots.map(|n| i32::try_from(n).expect("validated to fit"));
    let wide = |n: u64| i64::try_from(n).expect("validated to fit");
    let memory_bytes = change.memory_bytes.flatten().map(wide);
    let millicpus = change.millicpus.flatten().map(wide);
    let sql = include_str!("../sql/change_host.sql");
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 11] = [
        &id.0,
        &change.enabled,
        &change.weight,
        &set,
        &unset,
        &change.slots.is_some(),
        &slots,
        &change.memory_bytes.is_some(),
        &memory_bytes,
        &change.millicpus.is_some(),
        &millicpus,
    ];
    db.maybe(VERB, sql, &params)
        .await?
        .ok_or_else(|| unknown(id))?;
    one(db, id).await
}

/// One host.
pub(crate) async fn one(db: &Db, id: HostId) -> StoreResult<Host> {
    const VERB: &str = "look up the host";
    let sql = include_str!("../sql/hosts.sql");
    let row = db.maybe(VERB, sql, &[&Some(id.0)]).await?;
    host(VERB, &row.ok_or_else(|| unknown(id))?)
}

/// Every host.
pub(crate) async fn all(db: &Db) -> StoreResult<Vec<Host>> {
    const VERB: &str = "list hosts";
    let sql = include_str!("../sql/hosts.sql");
    let every: Option<i64> = None;
    let rows = db.rows(VERB, sql, &[&every]).await?;
    rows.iter().map(|row| host(VERB, row)).collect()
}

/// The error for a host that is not there.
pub(crate) fn unknown(host: HostId) -> StoreError {
    StoreError::Invalid(FieldError {
        field: "host".to_owned(),
        problem: format!("there is no host {host}"),
    })
}

/// A row of `host_use`.
pub(crate) fn host(verb: &'static str, row: &Row) -> StoreResult<Host> {
    let At(last_seen_at) = column(verb, row, "last_seen_at")?;
    Ok(Host {
        id: HostId(column(verb, row, "id")?),
        facts: HostFacts {
            executor: column(verb, row, "executor")?,
            identity: column(verb, row, "identity")?,
            boot_id: column(verb, row, "boot_id")?,
            name: column(verb, row, "name")?,
        },
        labels: text_map(verb, row, "labels")?,
        capacity: capacity(verb, row)?,
        used: used(verb, row)?,
        weight: column(verb, row, "weight")?,
        enabled: column(verb, row, "enabled")?,
        problem: column(verb, row, "problem")?,
        last_seen_at,
        forgotten_at: column::<Option<At>>(verb, row, "forgotten_at")?.map(|At(at)| at),
    })
}

/// What there is, of a row with these columns.
pub(crate) fn capacity(verb: &'static str, row: &Row) -> StoreResult<Capacity> {
    let wide = |name| {
        let number: Option<i64> = column(verb, row, name)?;
        let number = number.map(u64::try_from).transpose();
        number.map_err(|e| StoreError::unexpected(verb, e))
    };
    let slots: Option<i32> = column(verb, row, "slots")?;
    Ok(Capacity {
        slots: slots
            .map(u32::try_from)
            .transpose()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        memory_bytes: wide("memory_bytes")?,
        millicpus: wide("millicpus")?,
    })
}

/// What is taken, of a row with these columns.
pub(crate) fn used(verb: &'static str, row: &Row) -> StoreResult<Used> {
    Ok(Used {
        slots: converted::<i64, u32>(verb, row, "used_slots")?,
        memory_bytes: converted::<i64, u64>(verb, row, "used_memory_bytes")?,
        millicpus: converted::<i64, u64>(verb, row, "used_millicpus")?,
    })
}
