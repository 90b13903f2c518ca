//! What the living do for the dead. There is one writer at a time: what is seen of a worker stays true
//! until the commit.

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
use rusqlite::{Row, named_params};

use crate::error::{Fault, Outcome};
use crate::rows::{Micros, count, json, read_spec, small};
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;
use crate::{instance, leases, registry, sql};

#[async_trait]
impl Recovery for SqliteStore {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        let verb = "take over leases";
        let request = request.clone();
        // Mostly there is nothing to take over: the look goes without the write lock.
        let worker = request.worker;
        let is_worthwhile = !request.again.is_empty()
            || self
                .engine
                .read(verb, move |tx| is_worthwhile(tx, worker))
                .await?;
        if !is_worthwhile {
            return Ok(Vec::new());
        }
        let rows = self
            .engine
            .write(verb, News::Yes, move |tx| take_over(tx, &request))
            .await?;
        Ok(rows.into_iter().map(Found::into_taken_over).collect())
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        let attempts = attempts.to_vec();
        let look = move |tx: &Tx<'_>| {
            let is_live = |(job, attempt): &(JobId, AttemptNumber)| {
                let params = named_params! { ":job": job.0, ":attempt": attempt.0 };
                tx.one(sql!("are_live"), params, |row| row.get(0))
            };
            attempts.iter().map(is_live).collect()
        };
        self.engine.read("look for live attempts", look).await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        let path = self.engine.path().to_owned();
        let look = move |tx: &Tx<'_>| instance::bears_anothers_name(tx, &path);
        let verb = "look where the database is at home";
        self.engine.read(verb, look).await
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        let forget = move |tx: &Tx<'_>| forget(tx, host);
        self.engine.write("forget a host", News::Yes, forget).await
    }
}

fn unseen_since(tx: &Tx<'_>) -> Micros {
    tx.now.minus(UNSEEN_IS_LOST)
}

fn is_worthwhile(tx: &Tx<'_>, worker: WorkerId) -> Outcome<bool> {
    let params = named_params! {
        ":worker": worker.0, ":now": tx.now, ":unseen_since": unseen_since(tx),
    };
    tx.one(sql!("take_over_any_stale"), params, |row| row.get(0))
}

/// A lease as it was before, its spec not read yet.
struct Found {
    taken: TakenOver,
    is_orphan: bool,
    json: Option<String>,
    idem_key: Option<String>,
}

impl Found {
    /// Reads the spec: outside of the transaction, which it does not belong to.
    fn into_taken_over(self) -> TakenOver {
        let mut taken = self.taken;
        taken.lease.spec = match self.json {
            Some(json) => read_spec(&json, self.idem_key).map(Box::new),
            None => Err("the job's row is missing".to_owned()),
        };
        taken
    }
}

fn take_over(tx: &Tx<'_>, request: &TakeOverRequest) -> Outcome<Vec<Found>> {
    if !leases::may_acquire(tx, request.worker)? {
        return Ok(Vec::new());
    }
    let heard = named_params! {
        ":worker": request.worker.0,
        ":heard_at": Micros::not_before(request.heard_at),
        ":now": tx.now,
    };
    let sql = longshore_fault::edited!("sqlite/take_over_is_heard", sql!("take_over_is_heard"));
    if !tx.one(sql, heard, |row| row.get(0))? {
        return Ok(Vec::new());
    }
    let params = named_params! { ":worker": request.worker.0, ":now": tx.now };
    tx.execute(sql!("take_over_stale"), params)?;
    let again: Vec<Token> = request.again.iter().map(|key| key.token).collect();
    let params = named_params! {
        ":worker": request.worker.0,
        ":again": json(&again)?,
        ":unseen_since": unseen_since(tx),
        ":want": request.want.min(TakeOverRequest::MAX_WANT),
    };
    let sql = longshore_fault::edited!("sqlite/take_over_leases", sql!("take_over_leases"));
    let mut found = tx.all(sql, params, |row| from_row(tx, row))?;
    let drawn = i64::try_from(found.len()).expect("at most a hundred");
    if drawn == 0 {
        return Ok(found);
    }
    let params = named_params! { ":count": drawn };
    let sql = longshore_fault::edited!("sqlite/take_over_draw", sql!("take_over_draw"));
    let last_token: i64 = tx.one(sql, params, |row| row.get(0))?;
    for (left, found) in (0..drawn).rev().zip(&mut found) {
        let taken = &mut found.taken;
        taken.lease.key.token = fresh_token(taken.last_token, Token(last_token - left));
        tx.execute_one(
            sql!("take_over"),
            named_params! {
                ":worker": request.worker.0,
                ":token": taken.lease.key.token.0,
                ":acquire_no": request.acquire_number,
                ":is_orphan": found.is_orphan,
                ":job": taken.lease.key.job.0,
            },
        )?;
        taken.orphaned += u16::from(found.is_orphan);
        taken.output = stored_output(tx, taken.lease.key)?;
    }
    Ok(found)
}

/// The token that was drawn, unless a bug is planted.
fn fresh_token(last: Token, drawn: Token) -> Token {
    let mut token = drawn;
    if longshore_fault::bug!("takeover_token_plus_one") {
        token = Token(last.0 + 1);
    }
    if longshore_fault::bug!("takeover_keeps_token") {
        token = last;
    }
    token
}

fn from_row(tx: &Tx<'_>, row: &Row<'_>) -> rusqlite::Result<Found> {
    let last_token = Token(row.get("token")?);
    let key = LeaseKey {
        job: JobId(row.get("job_id")?),
        attempt: AttemptNumber(row.get("attempt")?),
        token: last_token,
    };
    let host: Option<i64> = row.get("host_id")?;
    let handle: Option<String> = row.get("handle")?;
    let boot_id: Option<String> = row.get("boot_id")?;
    let launched = host.zip(handle).map(|(host, handle)| Launched {
        host: HostId(host),
        handle: Handle(handle),
        boot_id,
    });
    let started_at: Option<Micros> = row.get("started_at")?;
    let lease = Lease {
        key,
        queue: QueueId(row.get("queue_id")?),
        lane: Lane(row.get("lane")?),
        spent: Spent {
            tries: small(row.get("tries")?),
            losses: small(row.get("losses")?),
        },
        claimed_at: row.get::<_, Micros>("claimed_at")?.time(),
        spec: Err(String::new()),
    };
    Ok(Found {
        taken: TakenOver {
            lease,
            from: WorkerId(row.get("worker_id")?),
            last_token,
            launched,
            started_at: started_at.map(Micros::time),
            taken_at: tx.now.time(),
            cancel_requested: row.get("cancel_requested")?,
            orphaned: small(row.get("orphaned")?),
            is_host_gone: row.get("is_gone")?,
            output: StoredUpTo::default(),
        },
        is_orphan: row.get("is_orphan")?,
        json: row.get("spec")?,
        idem_key: row.get("idem_key")?,
    })
}

fn stored_output(tx: &Tx<'_>, key: LeaseKey) -> Outcome<StoredUpTo> {
    let params = named_params! { ":job": key.job.0, ":attempt": key.attempt.0 };
    tx.one(sql!("take_over_output"), params, |row| {
        let counted = |name: &str| row.get::<_, i64>(name).map(count);
        Ok(StoredUpTo {
            resume: row.get::<_, Option<String>>("resume")?.map(ResumePoint),
            ends: [counted("stdout_end")?, counted("stderr_end")?],
            bytes: [counted("stdout_bytes")?, counted("stderr_bytes")?],
        })
    })
}

fn forget(tx: &Tx<'_>, id: HostId) -> Outcome<Host> {
    let host = registry::host(tx, id)?;
    let params = named_params! { ":host": id.0, ":now": tx.now };
    let reached: Option<i64> = tx.maybe(sql!("forget_host_reached"), params, |row| row.get(0))?;
    if let Some(worker) = reached {
        let problem = format!(
            "worker {worker} reaches {}, so it is not gone; to take it out of use, disable it",
            host.facts.name
        );
        return Err(Fault::Refused(FieldError::new("host", problem).into()));
    }
    tx.execute_one(sql!("forget_host"), params)?;
    registry::host(tx, id)
}
