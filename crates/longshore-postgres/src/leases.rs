//! [`Leases`]: what workers do with jobs. Acquiring, finishing and output have files of their own;
//! here are the marks and the questions.

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, MAX_NOTE_BYTES, OutputAppend, StoreError, StoreResult,
};
use longshore_core::usage::UsageNote;
use longshore_core::{AttemptNumber, HostId, JobId, QueueId, Token, WorkerId};
use tokio_postgres::types::ToSql;

use crate::rows::{column, held, storable};
use crate::{PostgresStore, finish, hosts, output};

#[async_trait]
impl Leases for PostgresStore {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        self.acquire_jobs(request).await
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        self.look_at_lines(queues).await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        const VERB: &str = "mark the attempt launched";
        let LeaseKey {
            job,
            attempt,
            token,
        } = lease;
        // More than the database counts in is more than any host has; without a bound it fits.
        let wide = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (memory_bytes, millicpus) = (wide(demand.memory_bytes), wide(demand.millicpus));
        let sql = include_str!("../sql/mark_launched.sql");
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 7] = [
            &job.0,
            &attempt.0,
            &token.0,
            &host.0,
            &handle.0,
            &memory_bytes,
            &millicpus,
        ];
        let row = self.db.one(VERB, sql, &params).await?;
        let outcome: &str = column(VERB, &row, "outcome")?;
        Ok(match outcome {
            "stored" => FenceOutcome::Stored,
            "cancel_requested" => FenceOutcome::CancelRequested,
            "lost" => FenceOutcome::Lost,
            "host_disabled" => FenceOutcome::HostDisabled,
            "host_full" => {
                let capacity = hosts::capacity(VERB, &row)?;
                let lack = capacity.lack(hosts::used(VERB, &row)?, demand);
                let differ = || StoreError::unexpected(VERB, "the host is full and has room");
                FenceOutcome::HostFull(lack.ok_or_else(differ)?)
            }
            "no_host" => return Err(hosts::unknown(host)),
            other => return Err(StoreError::unexpected(VERB, format!("outcome {other:?}"))),
        })
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        const VERB: &str = "note the launch";
        let LeaseKey {
            job,
            attempt,
            token,
        } = lease;
        let note = storable(&note[..note.floor_char_boundary(MAX_NOTE_BYTES)]);
        let sql = include_str!("../sql/note_launch.sql");
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&job.0, &attempt.0, &token.0, &note];
        match self.db.maybe(VERB, sql, &params).await? {
            Some(row) => Ok(held(column(VERB, &row, "cancel_requested")?)),
            None => Ok(LeaseStatus::Lost),
        }
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        const VERB: &str = "mark the attempt running";
        let LeaseKey {
            job,
            attempt,
            token,
        } = lease;
        let sql = include_str!("../sql/mark_running.sql");
        match self
            .db
            .maybe(VERB, sql, &[&job.0, &attempt.0, &token.0])
            .await?
        {
            Some(row) => Ok(held(column(VERB, &row, "cancel_requested")?)),
            None => Ok(LeaseStatus::Lost),
        }
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        output::append(&self.db, appends).await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        const VERB: &str = "note usage";
        if notes.is_empty() {
            return Ok(());
        }
        let jobs: Vec<i64> = notes.iter().map(|note| note.lease.job.0).collect();
        let attempts: Vec<i32> = notes.iter().map(|note| note.lease.attempt.0).collect();
        let tokens: Vec<i64> = notes.iter().map(|note| note.lease.token.0).collect();
        let series = notes.iter().map(|note| serde_json::to_string(&note.series));
        let series: Vec<String> = series
            .collect::<Result<_, _>>()
            .map_err(|e| StoreError::unexpected(VERB, e))?;
        let sql = include_str!("../sql/note_usage.sql");
        let params: [&(dyn ToSql + Sync); 4] = [&jobs, &attempts, &tokens, &series];
        self.db.rows(VERB, sql, &params).await.map(drop)
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        let (outcomes, with_room) = finish::finish(&self.db, finishes).await?;
        self.notifier.hint(with_room).await;
        Ok(outcomes)
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        const VERB: &str = "check leases";
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let jobs: Vec<i64> = leases.iter().map(|lease| lease.job.0).collect();
        let attempts: Vec<i32> = leases.iter().map(|lease| lease.attempt.0).collect();
        let tokens: Vec<i64> = leases.iter().map(|lease| lease.token.0).collect();
        let sql = include_str!("../sql/check_leases.sql");
        let rows = self
            .db
            .rows(VERB, sql, &[&jobs, &attempts, &tokens])
            .await?;
        rows.iter()
            .map(|row| {
                let is_held: bool = column(VERB, row, "is_held")?;
                let cancel_requested = column(VERB, row, "cancel_requested")?;
                Ok(if is_held {
                    held(cancel_requested)
                } else {
                    LeaseStatus::Lost
                })
            })
            .collect()
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        const VERB: &str = "list the worker's leases";
        let rows = self
            .db
            .rows(VERB, include_str!("../sql/leases_of.sql"), &[&worker.0])
            .await?;
        rows.iter()
            .map(|row| {
                let key = LeaseKey {
                    job: JobId(column(VERB, row, "job_id")?),
                    attempt: AttemptNumber(column(VERB, row, "attempt")?),
                    token: Token(column(VERB, row, "token")?),
                };
                Ok(HeldLease {
                    key,
                    acquire_number: column(VERB, row, "acquire_no")?,
                    is_taken_over: column(VERB, row, "is_taken_over")?,
                })
            })
            .collect()
    }
}
