//! [`Upkeep`]: passes that keep the database in shape. `diagnose` is in `diagnosis.rs`, tending in
//! `storage.rs`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use longshore_core::queue::Count;
use longshore_core::store::{Aged, Finding, Pruned, Retention, StoreResult, Upkeep};
use longshore_core::{JobId, QueueId};

use crate::PostgresStore;
use crate::rows::{column, converted};
use crate::{ageing, db, diagnosis, error, storage};

/// Ended jobs that one look of `prune` goes over, and looks of one pass: a pass reads at most so
/// many times so many narrow rows, and the next goes on where it ended. (An index on the time would
/// serve better, and every finish would pay for it.)
const PRUNE_LOOK_JOBS: i64 = 5000;
const PRUNE_LOOKS: usize = 20;
/// Parts of output that one pass takes away at most, one by one: workers store parts of 64 KiB, so
/// these are about 32 MiB. Most output goes otherwise, whole days at a time.
const PRUNE_PARTS: i64 = 500;

#[async_trait]
impl Upkeep for PostgresStore {
    async fn stage_due(&self, limit: u32) -> StoreResult<u64> {
        const VERB: &str = "stage due jobs";
        let queues = self
            .db
            .rows(VERB, include_str!("../sql/stage_due_queues.sql"), &[])
            .await?;
        let mut staged = 0;
        for row in &queues {
            let left = u64::from(limit).saturating_sub(staged);
            if left == 0 {
                break;
            }
            let queue = QueueId(column(VERB, row, "id")?);
            let at_most = i32::try_from(left).unwrap_or(i32::MAX);
            let sql = include_str!("../sql/stage_due.sql");
            let row = self.db.one(VERB, sql, &[&queue.0, &at_most]).await?;
            let moved: u64 = converted::<i64, u64>(VERB, &row, "staged")?;
            if moved > 0 {
                self.notifier.hint([queue]).await;
            }
            staged += moved;
        }
        Ok(staged)
    }

    async fn expire_waiting(&self, limit: u32) -> StoreResult<Vec<JobId>> {
        const VERB: &str = "end jobs that waited too long";
        let sql = include_str!("../sql/expire_waiting.sql");
        // "None" means that none is left, so a batch that was nothing but the deadlines of jobs that
        // ended otherwise is followed by another. Each takes deadlines away: this ends.
        loop {
            let row = self.db.one(VERB, sql, &[&i64::from(limit)]).await?;
            let expired: Vec<i64> = column(VERB, &row, "expired")?;
            let swept: i64 = column(VERB, &row, "swept")?;
            if !expired.is_empty() || swept == 0 {
                return Ok(expired.into_iter().map(JobId).collect());
            }
        }
    }

    async fn age_waiting(&self, limit: u32) -> StoreResult<Vec<Aged>> {
        const VERB: &str = "age waiting jobs";
        let sql = include_str!("../sql/age_waiting_queues.sql");
        let mut aged = Vec::new();
        for row in self.db.rows(VERB, sql, &[]).await? {
            let queue = QueueId(column(VERB, &row, "id")?);
            aged.extend(ageing::age(self, VERB, queue, limit).await?);
        }
        Ok(aged)
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        const VERB: &str = "prune";
        let keep = retention.keep.as_secs_f64();
        let mut after = self.prune_after.load(Ordering::Relaxed);
        // Whether this pass looks at everything, or only from where the last one ended.
        let mut is_whole = after == 0;
        let mut more = true;
        let mut old: Vec<i64> = Vec::new();
        for _ in 0..PRUNE_LOOKS {
            let sql = include_str!("../sql/prune_candidates.sql");
            let found = self
                .db
                .rows(VERB, sql, &[&after, &PRUNE_LOOK_JOBS, &keep])
                .await?;
            for row in &found {
                if old.len() >= retention.batch as usize {
                    break;
                }
                after = column(VERB, row, "job_id")?;
                if column(VERB, row, "is_old")? {
                    old.push(after);
                }
            }
            if old.len() >= retention.batch as usize {
                break;
            }
            if found.len() < usize::try_from(PRUNE_LOOK_JOBS).unwrap_or(usize::MAX) {
                // The end: from the start again, at once if there may be something before.
                after = 0;
                more = !is_whole;
                if is_whole || !old.is_empty() {
                    break;
                }
                is_whole = true;
            }
        }
        let began_after = self.prune_after.swap(after, Ordering::Relaxed);
        let mut pruned = Pruned {
            more,
            ..Pruned::default()
        };
        if !old.is_empty() {
            let sql = include_str!("../sql/prune_output.sql");
            let parts = self.db.one(VERB, sql, &[&old, &keep, &PRUNE_PARTS]).await?;
            if column::<i64>(VERB, &parts, "parts")? >= PRUNE_PARTS {
                // There may be more of it: the next pass goes on with the same jobs.
                self.prune_after.store(began_after, Ordering::Relaxed);
                pruned.more = true;
                return Ok(pruned);
            }
            let sql = include_str!("../sql/prune_jobs.sql");
            let row = self.db.one(VERB, sql, &[&old, &keep]).await?;
            pruned.jobs = converted::<i64, u64>(VERB, &row, "jobs")?;
            pruned.attempts = converted::<i64, u64>(VERB, &row, "attempts")?;
        }
        Ok(pruned)
    }

    async fn prunable(&self, keep: Duration) -> StoreResult<Count> {
        const VERB: &str = "count what is prunable";
        let sql = include_str!("../sql/prunable.sql");
        let cap = i64::try_from(Count::CAP).unwrap_or(i64::MAX);
        let row = self.db.one(VERB, sql, &[&keep.as_secs_f64(), &cap]).await?;
        Ok(Count(converted::<i64, u64>(VERB, &row, "jobs")?))
    }

    async fn tend_storage(&self, retention: Retention) -> StoreResult<()> {
        storage::tend(&self.db, retention.keep).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        const VERB: &str = "audit";
        const LONGEST: Duration = Duration::from_mins(10);
        let driver = |e| error::of_driver(VERB, e);
        let mut client = self.db.client(VERB).await?;
        let auditing = async {
            let transaction = db::begin(VERB, &mut client).await?;
            // It reads everything once. Its small limits tempt the planner into loops that would read
            // everything for each row: over a million jobs that did not end within 10 minutes, where
            // this takes 5 s.
            let settings = "SET LOCAL enable_nestloop = off; SET LOCAL statement_timeout = '10min'";
            transaction.batch_execute(settings).await.map_err(driver)?;
            let audit = include_str!("../sql/audit.sql");
            let rows = transaction.query(audit, &[]).await.map_err(driver)?;
            transaction.commit().await.map_err(driver)?;
            Ok(rows)
        };
        let outcome = self.db.in_time(VERB, 1, Some(LONGEST), auditing).await;
        client.settle(&outcome);
        let rows = outcome?;
        rows.iter().map(|row| column(VERB, row, "breach")).collect()
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        diagnosis::diagnose(&self.db, Duration::ZERO).await
    }
}
