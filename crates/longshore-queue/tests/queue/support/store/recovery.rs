//! What the living do for the dead, in the store in memory: a worker is dead once a test says so.

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::host::Host;
use longshore_core::output::StoredUpTo;
use longshore_core::priority::Lane;
use longshore_core::store::{
    Launched, Lease, LeaseKey, Recovery, StoreResult, TakeOverRequest, TakenOver,
};
use longshore_core::{AttemptNumber, HostId, JobId, Priority, Token, WorkerId};

use super::{Inner, MemoryStore};

#[async_trait]
impl Recovery for MemoryStore {
    async fn take_over(&self, request: &TakeOverRequest) -> StoreResult<Vec<TakenOver>> {
        let taken = self.verb("take_over", |inner| {
            let is_meant = |key: &LeaseKey, holder: WorkerId| {
                let row = inner.workers.get(&holder);
                let is_gone = row.is_some_and(|row| row.fenced || row.stopped);
                (holder != request.worker && is_gone) || request.again.contains(key)
            };
            let leases = inner.leases.values();
            let meant = leases.filter(|lease| is_meant(&lease.key, lease.worker));
            let meant: Vec<JobId> = meant.map(|lease| lease.key.job).collect();
            let taken = meant.into_iter().map(|job| take(inner, job, request));
            Ok(taken.collect::<Vec<_>>())
        });
        let taken = taken.await?;
        if !taken.is_empty() {
            self.journal.note(format!("took over {}", taken.len()));
        }
        Ok(taken)
    }

    async fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> StoreResult<Vec<bool>> {
        self.verb("are_live", |inner| {
            let is_live = |(job, attempt): &(JobId, AttemptNumber)| {
                let lease = inner.leases.get(job);
                lease.is_some_and(|lease| lease.key.attempt == *attempt)
            };
            Ok(attempts.iter().map(is_live).collect())
        })
        .await
    }

    async fn bears_anothers_name(&self) -> StoreResult<bool> {
        Ok(false)
    }

    async fn forget_host(&self, host: HostId) -> StoreResult<Host> {
        self.verb("forget_host", |inner| {
            let known = inner.hosts.iter_mut().find(|known| known.id == host);
            let known = known.expect("tests forget what there is");
            known.forgotten_at = Some(Timestamp::UNIX_EPOCH);
            Ok(known.clone())
        })
        .await
    }
}

fn take(inner: &mut Inner, job: JobId, request: &TakeOverRequest) -> TakenOver {
    inner.last_token += 1;
    let token = Token(inner.last_token);
    let row = inner.leases.get_mut(&job).expect("it was just seen");
    let (last_token, from) = (row.key.token, row.worker);
    row.key.token = token;
    row.worker = request.worker;
    row.acquire_number = request.acquire_number;
    row.takeovers += 1;
    let launched = row.placed.zip(row.handle.clone());
    let launched = launched.map(|((host, _), handle)| Launched {
        host,
        handle,
        boot_id: Some("boot-1".to_owned()),
    });
    let (key, started, cancel_requested) = (row.key, row.started, row.cancel_requested);
    let orphaned = row.takeovers;
    let known = &inner.jobs[&job];
    let mut output = StoredUpTo::default();
    for ((lease, _), append) in &inner.output {
        if (lease.job, lease.attempt) == (key.job, key.attempt) {
            let stream = usize::from(append.output.stream.number() == 2);
            let end = append.output.position + append.output.bytes.len() as u64;
            output.ends[stream] = output.ends[stream].max(end);
            output.bytes[stream] += append.output.bytes.len() as u64;
            output.resume = append.resume.clone().or(output.resume.take());
        }
    }
    TakenOver {
        lease: Lease {
            key,
            queue: known.queue,
            lane: Lane::joining(Priority::NORMAL),
            spent: known.spent,
            claimed_at: Timestamp::UNIX_EPOCH,
            spec: known.spec.clone().map(Box::new),
        },
        from,
        last_token,
        launched,
        started_at: started.then_some(Timestamp::UNIX_EPOCH),
        taken_at: Timestamp::UNIX_EPOCH,
        cancel_requested,
        orphaned,
        is_host_gone: false,
        output,
    }
}
