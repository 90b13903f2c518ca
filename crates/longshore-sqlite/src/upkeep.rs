//! What keeps the file in shape: passes that are idempotent and bounded.

mod ageing;
mod audit;
mod diagnose;
mod prune;

use std::time::Duration;

use async_trait::async_trait;
use longshore_core::access::AuditEntry;
use longshore_core::queue::Count;
use longshore_core::state::{Event, TerminalState};
use longshore_core::store::{Aged, ChangePage, Finding, Pruned, Retention, StoreResult, Upkeep};
use longshore_core::{JobId, State};
use rusqlite::named_params;

use crate::error::{Fault, Outcome};
use crate::places::{self, Ending};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::webhooks;
use crate::writer::News;

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

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        let verb = "age waiting jobs";
        let queues = self.engine.read(verb, crate::registry::all_queues).await?;
        let mut aged = Vec::new();
        // Each in a transaction of its own, so that others wait for one batch only; and none where
        // no queue asks for it, so that an idle file stays idle.
        for queue in queues.iter().filter(|queue| queue.ageing.is_some()) {
            let id = queue.id;
            let pass = move |tx: &Tx<'_>| ageing::pass(tx, id, limit);
            aged.extend(self.engine.write(verb, News::No, pass).await?);
        }
        Ok(aged)
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        let prune = move |tx: &Tx<'_>| prune::pass(tx, retention);
        self.engine.write("prune ended jobs", News::No, prune).await
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        let count = move |tx: &Tx<'_>| prune::prunable(tx, keep);
        self.engine.read("count what is prunable", count).await
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        let verb = "tend the storage";
        let forget = move |tx: &Tx<'_>| {
            let before = tx.now.minus(retention.keep.max(KEEP_WORKERS));
            tx.execute(
                sql!("tend_storage_workers"),
                named_params! { ":before": before },
            )
        };
        self.engine.write(verb, News::No, forget).await?;
        // Each in a transaction of its own, as many as it takes: nobody writes lines that are old.
        while self.engine.write(verb, News::No, forget_audit).await? {}
        while self.engine.write(verb, News::No, webhooks::forget).await? {}
        while self.engine.write(verb, News::No, forget_changes).await? {}
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

/// Takes away old lines of the audit log; whether there may be more of them.
fn forget_audit(tx: &Tx<'_>) -> Outcome<bool> {
    let (before, limit) = (
        tx.now.minus(AuditEntry::KEPT),
        AuditEntry::FORGOTTEN_AT_ONCE,
    );
    let params = named_params! { ":before": before, ":limit": limit };
    Ok(tx.execute(sql!("tend_storage_audit"), params)? >= limit as usize)
}

/// Takes away old changes; whether there may be more of them.
fn forget_changes(tx: &Tx<'_>) -> Outcome<bool> {
    let (before, limit) = (
        tx.now.minus(ChangePage::KEPT),
        ChangePage::FORGOTTEN_AT_ONCE,
    );
    let params = named_params! { ":before": before, ":limit": limit };
    Ok(tx.execute(sql!("tend_storage_changes"), params)? >= limit as usize)
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

/// Takes up the deadlines that passed longest ago, at most `limit` at once: jobs that still wait are
/// ended, and of the others the note goes. A job that comes back to wait is given a new one.
fn expire_waiting(tx: &Tx<'_>, limit: u32) -> Outcome<Vec<JobId>> {
    let params = named_params! { ":now": tx.now, ":limit": limit };
    let mut expired = Vec::new();
    // Again only while all of them were of jobs that don't wait, so that none ended means that none
    // is left. Notes of ended jobs are gone already: there are no more of these than live jobs.
    loop {
        let late = tx.all(sql!("expire_waiting"), params, |row| row.get(0).map(JobId))?;
        for job in &late {
            if expire(tx, *job)? {
                expired.push(*job);
            }
            tx.execute(sql!("place_drop_deadline"), named_params! { ":job": job.0 })?;
        }
        if late.is_empty() || !expired.is_empty() {
            return Ok(expired);
        }
    }
}

/// Ends a job if it still waits.
fn expire(tx: &Tx<'_>, job: JobId) -> Outcome<bool> {
    let place = match places::find(tx, job) {
        Ok(place) => place,
        // Pruned, or damaged: neither holds up the others, and `audit` tells of the latter.
        Err(Fault::Refused(_) | Fault::Damaged(_)) => return Ok(false),
        Err(fault) => return Err(fault),
    };
    match place.state() {
        // A pending job is in no queue, so it waits for nothing.
        State::Queued | State::Retrying => {}
        State::Pending
        | State::Launching
        | State::Running
        | State::Completed
        | State::Failed
        | State::TimedOut
        | State::Cancelled => return Ok(false),
    }
    places::step(job, place.state(), Event::TimeOut)?;
    let Some(waiting) = places::take_waiting(tx, &place)? else {
        return Ok(false);
    };
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
    Ok(true)
}
