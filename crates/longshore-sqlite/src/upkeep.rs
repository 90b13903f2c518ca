//! What keeps the file in shape: passes that are idempotent and bounded.

mod audit;
mod diagnose;
mod prune;

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::JobId;
use longshore_core::state::{Event, TerminalState};
use longshore_core::store::{Finding, Pruned, Retention, StoreResult, Upkeep};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::places::{self, Ending};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

/// Notes of jobs that wait no more which one pass sweeps, so that its transaction stays short.
const SWEEP: u32 = 1000;

/// Workers that are gone stay listed for at least this long.
const KEEP_WORKERS: Duration = Duration::from_hours(24);

#[async_trait]
impl Upkeep for SqliteStore {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        self.engine
            .write("stage due jobs", News::Yes, move |tx| stage_all(tx, limit))
            .await
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        let expire = move |tx: &Tx<'_>| expire_waiting(tx, limit);
        self.engine
            .write("end jobs that waited too long", News::Yes, expire)
            .await
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        let prune = move |tx: &Tx<'_>| prune::pass(tx, retention);
        self.engine.write("prune ended jobs", News::No, prune).await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        let verb = "tend the storage";
        let forget = move |tx: &Tx<'_>| {
            let before = tx.now.minus(retention.keep.max(KEEP_WORKERS));
            tx.execute(sql!("prune_workers"), named_params! { ":before": before })
        };
        self.engine.write(verb, News::No, forget).await?;
        self.engine.tend(verb).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        self.engine.read("audit", audit::breaches).await
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        let path = self.engine.path().to_owned();
        self.engine
            .read("diagnose", move |tx| diagnose::look(tx, &path))
            .await
    }
}

fn stage_all(tx: &Tx<'_>, limit: u32) -> Outcome<u64> {
    let mut staged = 0;
    for queue in crate::registry::all_queues(tx)? {
        let left = u64::from(limit).saturating_sub(staged);
        let left = u32::try_from(left).expect("no more than the limit");
        staged += places::stage_due(tx, queue.id, left)?;
    }
    Ok(staged)
}

fn expire_waiting(tx: &Tx<'_>, limit: u32) -> Outcome<Vec<JobId>> {
    let params = named_params! { ":now": tx.now, ":limit": SWEEP };
    tx.execute(sql!("sweep_deadlines"), params)?;
    let params = named_params! { ":now": tx.now, ":limit": limit };
    let late = tx.all(sql!("expire_waiting"), params, |row| row.get(0).map(JobId))?;
    for job in &late {
        expire(tx, *job)?;
    }
    Ok(late)
}

fn expire(tx: &Tx<'_>, job: JobId) -> Outcome<()> {
    let place = places::find(tx, job)?;
    places::step(job, place.state(), Event::TimeOut)?;
    if let Some(waiting) = places::take_waiting(tx, &place)? {
        let (queue, attempt) = (waiting.queue, waiting.attempt);
        let state = TerminalState::TimedOut;
        places::settle(
            tx,
            &Ending {
                job,
                queue,
                attempt,
                exit_code: None,
                state,
            },
        )?;
    }
    tx.execute(sql!("drop_deadline"), named_params! { ":job": job.0 })?;
    Ok(())
}
