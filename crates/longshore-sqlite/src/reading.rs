//! What people look at. Every verb here reads one short snapshot and locks nothing.

mod attempts;
mod counts;
mod detail;
mod list;
mod output;
mod summary;

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_core::queue::{Count, QueueStats, WorkerMetrics};
use longshore_core::store::{
    EndedInMinute, JobDetail, JobFilter, JobPage, JobSummary, OutputPage, OutputRequest, Reading,
    StoreResult,
};
use longshore_core::usage::{AttemptUsage, UsageSeries};
use longshore_core::{AttemptNumber, JobId, State};
use rusqlite::named_params;

use crate::places;
use crate::rows::Json;
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;

#[async_trait]
impl Reading for SqliteStore {
    async fn list_jobs(&self, filter: &JobFilter) -> StoreResult<JobPage> {
        let filter = filter.clone();
        self.engine
            .read("list jobs", move |tx| list::page(tx, &filter))
            .await
    }

    async fn show_job(&self, job: JobId) -> StoreResult<JobDetail> {
        self.engine
            .read("show a job", move |tx| detail::show(tx, job))
            .await
    }

    async fn states(&self, jobs: &[JobId]) -> StoreResult<Vec<State>> {
        let jobs = jobs.to_vec();
        let look = move |tx: &Tx<'_>| {
            jobs.iter()
                .map(|job| Ok(places::find(tx, *job)?.state()))
                .collect()
        };
        self.engine.read("look up states", look).await
    }

    async fn newest_job(&self) -> StoreResult<Option<JobId>> {
        let look = |tx: &Tx<'_>| tx.one(sql!("newest_job"), [], |row| row.get::<_, Option<i64>>(0));
        Ok(self
            .engine
            .read("look up the newest job", look)
            .await?
            .map(JobId))
    }

    async fn read_output(&self, request: OutputRequest) -> StoreResult<OutputPage> {
        self.engine
            .read("read output", move |tx| output::page(tx, &request))
            .await
    }

    async fn queue_stats(&self) -> StoreResult<Vec<QueueStats>> {
        self.engine.read("count jobs", counts::queue_stats).await
    }

    async fn worker_metrics(&self) -> StoreResult<WorkerMetrics> {
        self.engine.read("count jobs", counts::worker_metrics).await
    }

    async fn settled_counts(&self) -> StoreResult<BTreeMap<State, Count>> {
        self.engine.read("count ended jobs", counts::settled).await
    }

    async fn ended_by_minute(&self, minutes: u32) -> StoreResult<Vec<EndedInMinute>> {
        self.engine
            .read("count ended jobs", move |tx| {
                counts::ended_by_minute(tx, minutes)
            })
            .await
    }

    async fn next_due(&self, limit: u32) -> StoreResult<Vec<JobSummary>> {
        self.engine
            .read("list jobs", move |tx| list::next_due(tx, limit))
            .await
    }

    async fn usage_of(&self, job: JobId) -> StoreResult<Vec<AttemptUsage>> {
        let read = move |tx: &Tx<'_>| {
            tx.all(sql!("usage_of"), named_params! { ":job": job.0 }, |row| {
                let series = row.get::<_, Json<UsageSeries>>("points")?.0;
                Ok(AttemptUsage {
                    attempt: AttemptNumber(row.get("attempt")?),
                    points: series.points().to_vec(),
                })
            })
        };
        self.engine.read("read usage", read).await
    }
}
