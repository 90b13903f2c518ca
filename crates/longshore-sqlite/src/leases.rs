//! What workers do with jobs. Every write of an attempt names (job, attempt, token), and changes
//! nothing when the lease is another's.

mod acquire;
mod finish;
mod mark;
mod output;

use async_trait::async_trait;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{
    AcquireRequest, Acquired, Ahead, FenceOutcome, Finish, FinishOutcome, HeldLease, LeaseKey,
    LeaseStatus, Leases, OutputAppend, StoreResult,
};
use longshore_core::usage::UsageNote;
use longshore_core::{AttemptNumber, HostId, JobId, QueueId, Token, WorkerId};
use rusqlite::named_params;

use crate::error::Outcome;
use crate::rows::json;
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

pub(crate) use self::acquire::may_acquire;

#[async_trait]
impl Leases for SqliteStore {
    async fn acquire(&self, request: AcquireRequest) -> StoreResult<Acquired> {
        let verb = "acquire jobs";
        // Workers look often, and mostly in vain: they look without the write lock first. A job or
        // a slot that comes just after is found by the next look, for which its commit gives a
        // hint; what this look finds is judged again under the lock.
        let look = move |tx: &Tx<'_>| {
            let is_worthwhile = acquire::is_worthwhile(tx, &request)?;
            let due_in = if is_worthwhile {
                None
            } else {
                acquire::due_in(tx, request.queue)?
            };
            Ok((is_worthwhile, due_in))
        };
        let (is_worthwhile, due_in) = self.engine.read(verb, look).await?;
        if !is_worthwhile {
            let leases = Vec::new();
            return Ok(Acquired { leases, due_in });
        }
        let take = move |tx: &Tx<'_>| {
            let rows = acquire::acquire(tx, &request)?;
            let due_in = if rows.len() < request.want as usize {
                acquire::due_in(tx, request.queue)?
            } else {
                None
            };
            Ok((rows, due_in))
        };
        let (rows, due_in) = self.engine.write(verb, News::No, take).await?;
        let leases = rows.into_iter().map(acquire::Row::into_lease).collect();
        Ok(Acquired { leases, due_in })
    }

    async fn look_ahead(&self, queues: &[QueueId]) -> StoreResult<Ahead> {
        let queues = queues.to_vec();
        let look = move |tx: &Tx<'_>| acquire::look_ahead(tx, &queues);
        self.engine.read("look ahead", look).await
    }

    async fn mark_launched(
        &self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> StoreResult<FenceOutcome> {
        let launched = mark::Launched {
            lease,
            host,
            handle: handle.clone(),
            demand,
        };
        let mark = move |tx: &Tx<'_>| mark::launched(tx, &launched);
        self.engine
            .write("mark a lease launched", News::No, mark)
            .await
    }

    async fn note_launch(&self, lease: LeaseKey, note: &str) -> StoreResult<LeaseStatus> {
        let note = note.to_owned();
        let work = move |tx: &Tx<'_>| mark::note(tx, lease, &note);
        self.engine.write("note a launch", News::No, work).await
    }

    async fn mark_running(&self, lease: LeaseKey) -> StoreResult<LeaseStatus> {
        let mark = move |tx: &Tx<'_>| {
            let params = named_params! {
                ":job": lease.job.0,
                ":attempt": lease.attempt.0,
                ":token": lease.token.0,
                ":now": tx.now,
            };
            tx.maybe(sql!("mark_running"), params, |row| row.get(0))
                .map(status)
        };
        self.engine
            .write("mark a lease running", News::Yes, mark)
            .await
    }

    async fn append_output(&self, appends: &[OutputAppend]) -> StoreResult<Vec<LeaseStatus>> {
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let appends = appends.to_vec();
        let append = move |tx: &Tx<'_>| output::append(tx, &appends);
        self.engine.write("append output", News::Yes, append).await
    }

    async fn note_usage(&self, notes: &[UsageNote]) -> StoreResult<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let notes = notes.to_vec();
        let note = move |tx: &Tx<'_>| {
            for note in &notes {
                let params = named_params! {
                    ":job": note.lease.job.0,
                    ":attempt": note.lease.attempt.0,
                    ":token": note.lease.token.0,
                    ":points": json(&note.series)?,
                };
                tx.execute(sql!("note_usage"), params)?;
            }
            Ok(())
        };
        self.engine.write("note usage", News::No, note).await
    }

    async fn finish(&self, finishes: &[Finish]) -> StoreResult<Vec<FinishOutcome>> {
        if finishes.is_empty() {
            return Ok(Vec::new());
        }
        let finishes = finishes.to_vec();
        let finish = move |tx: &Tx<'_>| finish::finish_all(tx, &finishes);
        self.engine
            .write("finish attempts", News::Yes, finish)
            .await
    }

    async fn check_leases(&self, leases: &[LeaseKey]) -> StoreResult<Vec<LeaseStatus>> {
        let leases = leases.to_vec();
        let check = move |tx: &Tx<'_>| {
            leases
                .iter()
                .map(|lease| lease_status(tx, *lease))
                .collect()
        };
        self.engine.read("check leases", check).await
    }

    async fn leases_of(&self, worker: WorkerId) -> StoreResult<Vec<HeldLease>> {
        let list = move |tx: &Tx<'_>| {
            tx.all(
                sql!("leases_of"),
                named_params! { ":worker": worker.0 },
                |row| {
                    Ok(HeldLease {
                        key: LeaseKey {
                            job: JobId(row.get("job_id")?),
                            attempt: AttemptNumber(row.get("attempt")?),
                            token: Token(row.get("token")?),
                        },
                        acquire_number: row.get("acquire_no")?,
                        is_taken_over: row.get("is_taken_over")?,
                    })
                },
            )
        };
        self.engine.read("list leases", list).await
    }
}

/// How a lease stands, from whether its end was asked for; no answer means no lease.
fn status(cancel_requested: Option<bool>) -> LeaseStatus {
    match cancel_requested {
        Some(false) => LeaseStatus::Held,
        Some(true) => LeaseStatus::CancelRequested,
        None => LeaseStatus::Lost,
    }
}

fn lease_status(tx: &Tx<'_>, lease: LeaseKey) -> Outcome<LeaseStatus> {
    let params = named_params! {
        ":job": lease.job.0,
        ":attempt": lease.attempt.0,
        ":token": lease.token.0,
    };
    tx.maybe(sql!("check_leases"), params, |row| row.get(0))
        .map(status)
}
