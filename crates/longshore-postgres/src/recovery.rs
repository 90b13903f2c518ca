//! [`Recovery`]: what the living do for the dead.

use async_trait::async_trait;
use longshore_core::disposition::Spent;
use longshore_core::executor::Handle;
use longshore_core::host::{Host, UNSEEN_IS_LOST};
use longshore_core::output::{ResumePoint, StoredUpTo};
use longshore_core::priority::Lane;
use longshore_core::spec::FieldError;
use longshore_core::store::{
    Launched, Lease, LeaseKey, Recovery, StoreResult, TakeOverRequest, TakenOver,
};
use longshore_core::{AttemptNumber, HostId, JobId, QueueId, Token, WorkerId};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::rows::{column, converted};
use crate::timestamps::{At, parameter};
use crate::{PostgresStore, hosts, instance};

#[async_trait]
impl Recovery for PostgresStore {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        const VERB: &str = "take over leases";
        let want = request.want.min(TakeOverRequest::MAX_WANT);
        let want = i32::try_from(want).expect("at most a hundred");
        let again: Vec<i64> = request.again.iter().map(|key| key.token.0).collect();
        let unseen = UNSEEN_IS_LOST.as_secs_f64();
        let sql = include_str!("../sql/take_over.sql");
        let heard_at = parameter(request.heard_at);
        let params: [&(dyn ToSql + Sync); 6] = [
            &request.worker.0,
            &request.acquire_number,
            &want,
            &again,
            &unseen,
            &heard_at,
        ];
        let rows = self.db.rows(VERB, sql, &params).await?;
        rows.iter().map(|row| taken_over(VERB, row)).collect()
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        const VERB: &str = "look for live attempts";
        if attempts.is_empty() {
            return Ok(Vec::new());
        }
        let jobs: Vec<i64> = attempts.iter().map(|(job, _)| job.0).collect();
        let numbers: Vec<i32> = attempts.iter().map(|(_, attempt)| attempt.0).collect();
        let sql = include_str!("../sql/are_live.sql");
        let rows = self.db.rows(VERB, sql, &[&jobs, &numbers]).await?;
        rows.iter()
            .map(|row| column(VERB, row, "is_live"))
            .collect()
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        instance::bears_anothers_name(&self.db).await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        const VERB: &str = "forget the host";
        let sql = include_str!("../sql/forget_host.sql");
        let row = self.db.maybe(VERB, sql, &[&host.0]).await?;
        let reached: Option<i64> =
            column(VERB, &row.ok_or_else(|| hosts::unknown(host))?, "worker")?;
        let known = hosts::one(&self.db, host).await?;
        if let Some(worker) = reached {
            let problem = format!(
                "worker {worker} reaches {}, so it is not gone; to take it out of use, disable it",
                known.facts.name
            );
            return Err(FieldError::new("host", problem).into());
        }
        Ok(known)
    }
}

fn taken_over(verb: &'static str, row: &Row) -> StoreResult<TakenOver> {
    let host: Option<i64> = column(verb, row, "host_id")?;
    let handle: Option<String> = column(verb, row, "handle")?;
    let boot_id: Option<String> = column(verb, row, "boot_id")?;
    let launched = host.zip(handle).map(|(host, handle)| Launched {
        host: HostId(host),
        handle: Handle(handle),
        boot_id,
    });
    let spec: Option<&str> = column(verb, row, "spec")?;
    let At(claimed_at) = column(verb, row, "claimed_at")?;
    let At(taken_at) = column(verb, row, "taken_at")?;
    let started_at: Option<At> = column(verb, row, "started_at")?;
    let counted = |name| converted::<i64, u64>(verb, row, name);
    Ok(TakenOver {
        lease: Lease {
            key: LeaseKey {
                job: JobId(column(verb, row, "job_id")?),
                attempt: AttemptNumber(column(verb, row, "attempt")?),
                token: Token(column(verb, row, "token")?),
            },
            queue: QueueId(column(verb, row, "queue_id")?),
            lane: Lane(column(verb, row, "lane")?),
            spent: Spent {
                tries: converted::<i16, u16>(verb, row, "tries")?,
                losses: converted::<i16, u16>(verb, row, "losses")?,
            },
            claimed_at,
            spec: match spec {
                Some(json) => crate::rows::spec(json, column(verb, row, "idem_key")?)
                    .map(Box::new)
                    .map_err(|e| e.to_string()),
                None => Err("the job's row is missing".to_owned()),
            },
        },
        from: WorkerId(column(verb, row, "last_worker")?),
        last_token: Token(column(verb, row, "last_token")?),
        launched,
        started_at: started_at.map(|At(at)| at),
        taken_at,
        cancel_requested: column(verb, row, "is_cancel_requested")?,
        orphaned: converted::<i16, u16>(verb, row, "orphaned")?,
        is_host_gone: column(verb, row, "is_gone")?,
        output: StoredUpTo {
            resume: column::<Option<String>>(verb, row, "resume")?.map(ResumePoint),
            ends: [counted("stdout_end")?, counted("stderr_end")?],
            bytes: [counted("stdout_bytes")?, counted("stderr_bytes")?],
        },
    })
}
