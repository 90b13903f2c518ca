//! [`Reading`]: lists, counts and where jobs stand. One job in full is in `show.rs`,
//! pages of jobs are in `list.rs`. Nothing here locks anything.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_core::queue::{Count, QueueCounts, QueueStats, WorkerMetrics};
use longshore_core::state::State;
use longshore_core::store::{
    EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputPage, OutputRequest, Reading,
    StoreError, StoreResult,
};
use longshore_core::usage::{AttemptUsage, UsageSeries};
use longshore_core::{AttemptNumber, JobId};
use tokio_postgres::Row;

use crate::rows::{self, column, converted};
use crate::timestamps::At;
use crate::{PostgresStore, list, output, show};

#[async_trait]
impl Reading for PostgresStore {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        list::page(self, filter).await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        show::show(&self.db, job).await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        const VERB: &str = "read states";
        let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/states.sql"), &[&ids])
            .await?;
        rows.iter()
            .map(|row| match column::<Option<&str>>(VERB, row, "state")? {
                Some(_) => rows::state(VERB, row, "state"),
                None => Err(StoreError::UnknownJob(JobId(column(VERB, row, "job_id")?))),
            })
            .collect()
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        const VERB: &str = "find the newest job";
        let row = self
            .db
            .one(VERB, include_str!("../sql/newest_job.sql"), &[])
            .await?;
        let id: Option<i64> = column(VERB, &row, "id")?;
        Ok(id.map(JobId))
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        output::read(&self.db, request).await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        const VERB: &str = "count the queues' jobs";
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/queue_stats.sql"), &[&cap()])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(QueueStats {
                    queue: rows::queue(VERB, row)?,
                    counts: counts(VERB, row)?,
                    workers: converted::<i64, u32>(VERB, row, "workers")?,
                    oldest_waiting_at: column::<Option<At>>(VERB, row, "oldest_waiting_at")?
                        .map(|At(at)| at),
                })
            })
            .collect()
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        const VERB: &str = "count jobs";
        let row = self
            .db
            .one(VERB, include_str!("../sql/worker_metrics.sql"), &[&cap()])
            .await?;
        let QueueCounts {
            queue_depth,
            ready_now,
            scheduled_future,
            launching,
            running,
        } = counts(VERB, &row)?;
        let launch_failed = count(VERB, &row, "launch_failed")?;
        Ok(WorkerMetrics {
            queue_depth,
            ready_now,
            scheduled_future,
            launching,
            running,
            launch_failed,
        })
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        const VERB: &str = "count ended jobs";
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/settled_counts.sql"), &[&cap()])
            .await?;
        rows.iter()
            .map(|row| Ok((rows::state(VERB, row, "state")?, count(VERB, row, "jobs")?)))
            .collect()
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        const VERB: &str = "count ended jobs";
        let minutes = minutes.clamp(1, EndedInMinute::MOST).cast_signed();
        let sql = include_str!("../sql/ended_by_minute.sql");
        let mut told: Vec<EndedInMinute> = Vec::new();
        for row in self.db.rows(VERB, sql, &[&minutes]).await? {
            let At(minute) = column(VERB, &row, "minute")?;
            if told.last().is_none_or(|last| last.minute != minute) {
                let ended = BTreeMap::new();
                told.push(EndedInMinute { minute, ended });
            }
            let jobs = converted::<i64, u64>(VERB, &row, "jobs")?;
            if let Some(last) = told.last_mut()
                && jobs > 0
            {
                last.ended.insert(rows::state(VERB, &row, "state")?, jobs);
            }
        }
        Ok(told)
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        const VERB: &str = "list jobs";
        let limit = i64::from(limit.clamp(1, JobFilter::MAX_PAGE));
        let sql = include_str!("../sql/next_due.sql");
        let rows = self.db.rows(VERB, sql, &[&limit]).await?;
        rows.iter().map(|row| show::summary(VERB, row)).collect()
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        const VERB: &str = "read usage";
        let sql = include_str!("../sql/usage_of.sql");
        let rows = self.db.rows(VERB, sql, &[&job.0]).await?;
        rows.iter()
            .map(|row| {
                let series = serde_json::from_str(column(VERB, row, "points")?);
                let series: UsageSeries = series.map_err(|e| StoreError::unexpected(VERB, e))?;
                Ok(AttemptUsage {
                    attempt: AttemptNumber(column(VERB, row, "attempt")?),
                    points: series.points().to_vec(),
                })
            })
            .collect()
    }
}

fn cap() -> i64 {
    i64::try_from(Count::CAP).expect("the cap is small")
}

fn count(verb: &'static str, row: &Row, name: &str) -> StoreResult<Count> {
    converted::<i64, u64>(verb, row, name).map(Count)
}

/// Sums stop at the cap like what they are made of.
fn sum(counts: [Count; 2]) -> Count {
    Count(
        counts
            .iter()
            .map(|count| count.0)
            .sum::<u64>()
            .min(Count::CAP),
    )
}

fn counts(verb: &'static str, row: &Row) -> StoreResult<QueueCounts> {
    let ready_now = sum([count(verb, row, "in_line")?, count(verb, row, "due")?]);
    let scheduled_future = count(verb, row, "due_later")?;
    Ok(QueueCounts {
        queue_depth: sum([ready_now, scheduled_future]),
        ready_now,
        scheduled_future,
        launching: count(verb, row, "launching")?,
        running: count(verb, row, "running")?,
    })
}
