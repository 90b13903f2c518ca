//! What the living do for the dead, as the model does it. No time passes in it, so nobody falls silent
//! and no host goes unseen: leases move from workers that said goodbye, and from hosts that a person
//! called gone.

use std::collections::BTreeMap;

use longshore_core::host::Host;
use longshore_core::output::{StoredUpTo, Stream};
use longshore_core::store::{Launched, Lease, LeaseKey, TakeOverRequest, TakenOver};
use longshore_core::{AttemptNumber, HostId, JobId, Token};

use super::job::{Job, Live, Place};
use super::{Answer, Crew, MOMENT, Model, Refusal};

impl Model {
    /// Moves leases of workers that are gone to the caller, by job.
    pub fn take_over(&mut self, request: &TakeOverRequest) -> Vec<TakenOver> {
        let Some(me) = self.workers.get(&request.worker).cloned() else {
            return Vec::new();
        };
        if me.shown.draining || me.shown.stopped_at.is_some() {
            return Vec::new();
        }
        let want = request.want.min(TakeOverRequest::MAX_WANT) as usize;
        let meant = self.jobs.iter().filter(|(_, job)| {
            let live = job.live();
            live.is_some_and(|live| self.may_move(job, live, &me, &request.again))
        });
        let meant: Vec<JobId> = meant.map(|(id, _)| *id).take(want).collect();
        let taken = meant.into_iter();
        taken.map(|job| self.take(job, request, &me)).collect()
    }

    fn may_move(&self, job: &Job, live: &Live, me: &Crew, again: &[LeaseKey]) -> bool {
        let there = live.launched.as_ref().map(|(host, ..)| *host);
        if live.worker == me.shown.id {
            return self.is_gone(there, me) || again.contains(&live.key);
        }
        let holder = self.workers.get(&live.worker);
        let is_over = holder.is_none_or(|holder| holder.shown.stopped_at.is_some());
        let reaches = there.is_some_and(|host| me.shown.hosts.contains(&host));
        let anywhere = there.is_none() || self.is_gone(there, me);
        is_over && (reaches || anywhere && me.serves.contains(&job.queue))
    }

    /// One that answers the caller itself is not gone.
    fn is_gone(&self, host: Option<HostId>, to: &Crew) -> bool {
        let known = host.and_then(|host| self.hosts.get(&host));
        known.is_some_and(|host| {
            let answers = host.problem.is_none() && to.shown.hosts.contains(&host.id);
            host.forgotten_at.is_some() && !answers
        })
    }

    fn take(&mut self, id: JobId, request: &TakeOverRequest, me: &Crew) -> TakenOver {
        let token = Token(i64::try_from(self.given.len()).unwrap_or(i64::MAX) + 1);
        let job = self.jobs.get_mut(&id).expect("it was just seen");
        let output = stored(job);
        let (queue, spec) = (job.queue, job.spec.clone());
        let Place::Live(live) = &mut job.place else {
            unreachable!("it was live just now")
        };
        let (last, from) = (live.key, live.worker);
        live.key.token = token;
        live.worker = request.worker;
        live.acquire_number = request.acquire_number;
        live.takeovers += 1;
        live.note = None;
        let live = live.clone();
        self.given.push(live.key);
        let launched = live.launched.as_ref();
        let launched = launched.map(|(host, handle, _)| Launched {
            host: *host,
            handle: handle.clone(),
            boot_id: live.boot_id.clone(),
        });
        let is_host_gone = self.is_gone(launched.as_ref().map(|launched| launched.host), me);
        TakenOver {
            lease: Lease {
                key: live.key,
                queue,
                lane: live.lane,
                spent: live.spent,
                claimed_at: MOMENT,
                spec: Ok(Box::new(spec)),
            },
            from,
            last_token: last.token,
            launched,
            started_at: live.started.then_some(MOMENT),
            taken_at: MOMENT,
            cancel_requested: live.cancel_requested,
            orphaned: 0,
            is_host_gone,
            output,
        }
    }

    /// Which of these attempts have a lease.
    pub fn are_live(&self, attempts: &[(JobId, AttemptNumber)]) -> Vec<bool> {
        let is_live = |(job, attempt): &(JobId, AttemptNumber)| {
            let lease = self.jobs.get(job).and_then(Job::lease);
            lease.is_some_and(|lease| lease.attempt == *attempt)
        };
        attempts.iter().map(is_live).collect()
    }

    /// A person's word that a host is gone for good.
    pub fn forget_host(&mut self, id: HostId) -> Answer<Host> {
        let mut alive = self.workers.values().filter(|worker| worker.shown.alive);
        let is_reached = alive.any(|worker| worker.shown.hosts.contains(&id));
        let host = self.known_host(id)?;
        let refused = || Refusal::Invalid("host".to_owned());
        if is_reached && host.problem.is_none() {
            return Err(refused());
        }
        host.forgotten_at = Some(MOMENT);
        self.host(id).ok_or_else(refused)
    }
}

/// How much of the live attempt's output is stored.
fn stored(job: &Job) -> StoredUpTo {
    let attempt = job.attempts_made();
    let mut stored = StoredUpTo::default();
    let parts = job.output.iter();
    let parts = parts.filter(|part| part.lease.attempt.0 == attempt);
    // By cursor, so that the last is the newest.
    let in_order: BTreeMap<_, _> = parts.map(|part| (part.cursor, part)).collect();
    for part in in_order.into_values() {
        let index = Stream::ALL.iter().position(|of| *of == part.kept.stream);
        let index = index.expect("one of the two");
        let bytes = part.kept.bytes.len() as u64;
        stored.ends[index] = stored.ends[index].max(part.kept.position + bytes);
        stored.bytes[index] += bytes;
        stored.resume = part.resume.clone().or(stored.resume);
    }
    stored
}
