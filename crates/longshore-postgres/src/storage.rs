//! Tending the storage: partitions of output, workers of the past, old lines of the audit log, old
//! deliveries, and old changes.
//!
//! Each step is a transaction of its own, with time-outs of its own: making a day's partition, looking
//! whether an old one is needed, and dropping it take locks that don't go together, and what one of
//! them is refused (by a backup that reads everything, say) must not undo the others.

use std::time::Duration;

use longshore_core::access::AuditEntry;
use longshore_core::store::{ChangePage, StoreResult};
use tokio_postgres::Row;

use crate::db::{self, Db, Params};
use crate::error;
use crate::migrate::DAYS_AHEAD;
use crate::rows::column;
use crate::webhooks;

const VERB: &str = "tend storage";

/// Workers that are gone stay listed for at least this long.
const KEEP_WORKERS: Duration = Duration::from_hours(24);

/// So much longer than promised changes are kept: of a day that is emptied whole, the row with the highest
/// number tells the age.
const CHANGES_MARGIN: Duration = Duration::from_hours(1);

/// Making may have to move what the default partition gathered while nobody tended it.
const MAKING: &str = "SET LOCAL statement_timeout = '5min'";
/// Looking holds no lock that anybody waits for.
const LOOKING: &str = "SET LOCAL statement_timeout = '5min'";
/// The longest of these.
const LONGEST: Duration = Duration::from_mins(5);
/// Everybody who reads or writes output waits behind one who waits to drop, and who reads changes behind
/// one who waits to empty a part of them.
const DROPPING: &str = "SET LOCAL lock_timeout = '500ms'";

/// Takes every step, whatever becomes of the others; fails with the first that failed.
pub(crate) async fn tend(db: &Db, keep: Duration) -> StoreResult<()> {
    let made = step(
        db,
        MAKING,
        include_str!("../sql/tend_storage_make_days.sql"),
        &[&DAYS_AHEAD],
    )
    .await;
    let forgotten = forget_workers(db, keep).await;
    let taken_away = forget_audit(db).await;
    let delivered = webhooks::forget(VERB, db).await;
    let cleared = clear_changes(db).await;
    let dropped = drop_old_days(db, keep).await;
    made.map(drop)
        .and(forgotten)
        .and(taken_away)
        .and(delivered)
        .and(cleared)
        .and(dropped)
}

async fn forget_workers(db: &Db, keep: Duration) -> StoreResult<()> {
    let keep = keep.max(KEEP_WORKERS).as_secs_f64();
    let sql = include_str!("../sql/tend_storage_workers.sql");
    db.rows(VERB, sql, &[&keep]).await.map(drop)
}

/// Takes as many transactions as it takes: nobody writes lines that are old.
async fn forget_audit(db: &Db) -> StoreResult<()> {
    let (keep, limit) = (AuditEntry::KEPT, i64::from(AuditEntry::FORGOTTEN_AT_ONCE));
    let sql = include_str!("../sql/tend_storage_audit.sql");
    loop {
        let row = db.one(VERB, sql, &[&keep.as_secs_f64(), &limit]).await?;
        if column::<i64>(VERB, &row, "lines")? < limit {
            return Ok(());
        }
    }
}

async fn clear_changes(db: &Db) -> StoreResult<()> {
    let keep = (ChangePage::KEPT + CHANGES_MARGIN).as_secs_f64();
    let sql = include_str!("../sql/tend_storage_changes.sql");
    step(db, DROPPING, sql, &[&keep]).await.map(drop)
}

async fn drop_old_days(db: &Db, keep: Duration) -> StoreResult<()> {
    let sql = include_str!("../sql/tend_storage_old_days.sql");
    let mut outcome = Ok(());
    for row in db.rows(VERB, sql, &[&keep.as_secs_f64()]).await? {
        let dropped = drop_unless_needed(db, column(VERB, &row, "day")?).await;
        if dropped.as_ref().is_err_and(|error| !error.is_transient()) {
            return dropped;
        }
        outcome = outcome.and(dropped);
    }
    outcome
}

async fn drop_unless_needed(db: &Db, day: &str) -> StoreResult<()> {
    let sql = include_str!("../sql/tend_storage_is_day_needed.sql");
    let row = step(db, LOOKING, sql, &[&day]).await?;
    if column(VERB, &row, "is_needed")? {
        return Ok(());
    }
    let sql = include_str!("../sql/tend_storage_drop_day.sql");
    step(db, DROPPING, sql, &[&day]).await.map(drop)
}

/// One statement that gives one row, in a transaction with settings of its own.
async fn step(db: &Db, settings: &str, sql: &str, params: Params<'_>) -> StoreResult<Row> {
    let driver = |e| error::of_driver(VERB, e);
    let mut client = db.client(VERB).await?;
    let stepping = async {
        let transaction = db::begin(VERB, &mut client).await?;
        transaction.batch_execute(settings).await.map_err(driver)?;
        let row = transaction.query_one(sql, params).await.map_err(driver)?;
        transaction.commit().await.map_err(driver)?;
        Ok(row)
    };
    let outcome = db.in_time(VERB, 1, Some(LONGEST), stepping).await;
    client.settle(&outcome);
    outcome
}
