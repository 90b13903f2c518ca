//! Which leases this worker knows of, and which acquisitions are in flight.
//!
//! Owns the answer to "is this lease ours to hand back?" (PROTOCOL section 3): a lease that the
//! store says we hold, that is on no list here and whose acquisition is not in flight, was lost
//! with its reply. A lease leaves the roll only when its end is stored or it is another's: never
//! because a task died, for its container may still run.
//!
//! Also owns the gate. Once it is closed, no acquisition gets a number and no reply is admitted:
//! whatever the store says we hold beside the roll goes back, and nothing can come after it but
//! from calls in flight, which can be waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::metrics::Gauge;
use longshore_core::JobId;
use longshore_core::store::{HeldLease, Lease, LeaseKey};
use tokio::time::Instant;

use crate::bell::Bell;
use crate::metrics;
use crate::orders::{Order, Orders};
use crate::served::Served;
use crate::status::{Phase, RunningJob};
use crate::supervise::{DEFAULT_STOP_GRACE, grace_of};
use crate::tracker::JobCompletionTracker;

/// Which leases this worker knows of. The lock is held for map operations alone.
pub(crate) struct Roll {
    inner: Mutex<Inner>,
    /// Rung when an acquisition is in flight no more.
    landed: Bell,
    /// The attempts that are still to end under this worker: what a drain waits for.
    pub tracker: JobCompletionTracker,
    /// The same number, for whoever collects it: of all rolls of the process together.
    live: Gauge,
}

#[derive(Default)]
struct Inner {
    last_number: i64,
    in_flight: BTreeSet<i64>,
    entries: BTreeMap<LeaseKey, Entry>,
    closed: bool,
    lost_take_overs: bool,
}

/// An attempt as others in this worker see it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub orders: Orders,
    pub served: Arc<Served>,
    /// Between TERM and KILL.
    pub stop_grace: Duration,
    phase: Phase,
    /// Where it is, once that is decided.
    host: Option<String>,
    since: Instant,
    /// Left alive for others: on the roll, so that nobody hands it back, but waited for by none.
    left: bool,
    /// Acquired, and neither launched nor handed back yet: whoever claims it does one of the two.
    held: bool,
}

impl Default for Roll {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            landed: Bell::new(),
            tracker: JobCompletionTracker::new(),
            live: metrics::jobs_live(),
        }
    }
}

impl Roll {
    /// An acquisition is about to be sent; none when nothing is to be acquired any more. It is in
    /// flight until the last clone of the guard is dropped: the call itself keeps one.
    pub fn acquiring(self: &Arc<Self>) -> Option<Arc<Acquiring>> {
        let mut inner = self.lock();
        if inner.closed {
            return None;
        }
        inner.last_number += 1;
        let number = inner.last_number;
        inner.in_flight.insert(number);
        Some(Arc::new(Acquiring {
            roll: Arc::clone(self),
            number,
        }))
    }

    /// Of a take-over the reply was lost, or could not be used: there may be leases of ours that were
    /// another's, and that nobody here knows of.
    pub fn take_over_lost(&self) {
        self.lock().lost_take_overs = true;
    }

    /// Whether that is so.
    pub fn has_lost_take_overs(&self) -> bool {
        self.lock().lost_take_overs
    }

    /// Of the leases that the store says we hold, those which were another's and which nobody here
    /// knows of. Their containers may run, so they are not handed back but taken over once more.
    pub fn unknown_take_overs(&self, held: &[HeldLease]) -> Vec<LeaseKey> {
        let mut inner = self.lock();
        inner.lost_take_overs = false;
        let unknown = held.iter().filter(|lease| {
            lease.is_taken_over
                && !inner.in_flight.contains(&lease.acquire_number)
                && !inner.entries.contains_key(&lease.key)
        });
        unknown.map(|lease| lease.key).collect()
    }

    /// Attempts whose lease is ours and of which something may run that nobody here watches.
    pub fn unsure(&self) -> Vec<LeaseKey> {
        let inner = self.lock();
        let unsure = inner.entries.iter().filter(|(_, entry)| entry.left);
        unsure.map(|(key, _)| *key).collect()
    }

    /// The lease has another token now, under which it is on the roll: whoever had it here under the
    /// old one lets go.
    pub fn superseded(&self, old: LeaseKey) {
        let mut inner = self.lock();
        match inner.entries.get(&old) {
            Some(entry) if entry.left => {
                inner.entries.remove(&old);
            }
            Some(entry) => entry.orders.give(Order::Abandon),
            None => {}
        }
    }

    /// From now on nothing is acquired, and no reply admitted.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    /// Waits until no acquisition is in flight. Cancellation-safe.
    pub async fn all_landed(&self) {
        let mut landed = self.landed.listen();
        while !self.lock().in_flight.is_empty() {
            landed.rung().await;
        }
    }

    /// The right to launch a held lease or to hand it back: given once.
    pub fn claim(&self, key: LeaseKey) -> bool {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(&key);
        entry.is_some_and(|entry| std::mem::take(&mut entry.held))
    }

    /// Claims whatever is held.
    pub fn claim_all(&self) -> Vec<LeaseKey> {
        let mut inner = self.lock();
        let entries = inner.entries.iter_mut();
        entries
            .filter_map(|(key, entry)| std::mem::take(&mut entry.held).then_some(*key))
            .collect()
    }

    /// The attempt's end is stored, or it is another's.
    pub fn strike(&self, key: LeaseKey) {
        let struck = self.lock().entries.remove(&key);
        if struck.is_some_and(|entry| !entry.left) {
            self.answers_no_more_for(key.job);
        }
    }

    /// The attempt stays alive for another worker, or to be judged by recovery. Its lease stays
    /// ours until then. Says whether we answered for it up to now.
    pub fn leave(&self, key: LeaseKey) -> bool {
        let newly_left = match self.lock().entries.get_mut(&key) {
            Some(entry) => !std::mem::replace(&mut entry.left, true),
            None => false,
        };
        if newly_left {
            self.answers_no_more_for(key.job);
        }
        newly_left
    }

    fn answers_no_more_for(&self, job: JobId) {
        if self.tracker.mark_job_completed(job) {
            self.live.decrement(1);
        }
    }

    /// The queue of a lease that is on the roll.
    pub fn served(&self, key: LeaseKey) -> Option<Arc<Served>> {
        let inner = self.lock();
        let entry = inner.entries.get(&key);
        entry.map(|entry| Arc::clone(&entry.served))
    }

    /// The attempt has come this far.
    pub fn reached(&self, key: LeaseKey, phase: Phase) {
        if let Some(entry) = self.lock().entries.get_mut(&key) {
            entry.phase = phase;
        }
    }

    /// For people: it is to run on this host.
    pub fn placed(&self, key: LeaseKey, host: String) {
        if let Some(entry) = self.lock().entries.get_mut(&key) {
            entry.host = Some(host);
        }
    }

    /// The attempts that this worker still answers for.
    pub fn live(&self) -> Vec<(LeaseKey, Entry)> {
        let inner = self.lock();
        let live = inner.entries.iter().filter(|(_, entry)| !entry.left);
        live.map(|(key, entry)| (*key, entry.clone())).collect()
    }

    /// How many attempts this worker still answers for.
    pub fn live_count(&self) -> usize {
        self.tracker.get_running_count()
    }

    /// Of the leases that the store says we hold, those which nobody here knows of. Looked up
    /// after the store's answer: a lease is in flight, then on the roll, with nothing in between;
    /// one that was finished meanwhile is handed back in vain, which its token makes harmless.
    /// Behind the closed gate what is in flight is unknown too: it will not be admitted.
    pub fn unknown(&self, held: &[HeldLease]) -> Vec<LeaseKey> {
        let inner = self.lock();
        let is_unknown = |lease: &&HeldLease| {
            !lease.is_taken_over
                && (inner.closed || !inner.in_flight.contains(&lease.acquire_number))
                && !inner.entries.contains_key(&lease.key)
        };
        held.iter()
            .filter(is_unknown)
            .map(|lease| lease.key)
            .collect()
    }

    /// For people: what runs here.
    pub fn running_jobs(&self) -> Vec<RunningJob> {
        self.live()
            .into_iter()
            .map(|(key, entry)| RunningJob {
                job: key.job,
                attempt: key.attempt,
                queue: entry.served.queue.name.clone(),
                phase: entry.phase,
                host: entry.host.clone(),
                elapsed: entry.since.elapsed(),
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each operation is one change of a map; a panic elsewhere leaves the maps whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An acquisition in flight.
pub(crate) struct Acquiring {
    roll: Arc<Roll>,
    pub number: i64,
}

impl Acquiring {
    /// The reply came: its leases go on the roll while the call is still in flight. None when the
    /// gate was closed meanwhile: then they are unknown, and go back.
    pub fn admit(&self, served: &Arc<Served>, leases: &[Lease]) -> Option<Vec<Orders>> {
        let leases: Vec<_> = leases.iter().map(|lease| (served, lease)).collect();
        self.enter(&leases, true)
    }

    /// The same for leases that were another's. Nobody may hand these back unlaunched: their containers
    /// may run, and whoever admits them sees to them at once.
    pub fn admit_taken_over(&self, leases: &[(&Arc<Served>, &Lease)]) -> Option<Vec<Orders>> {
        self.enter(leases, false)
    }

    fn enter(&self, leases: &[(&Arc<Served>, &Lease)], held: bool) -> Option<Vec<Orders>> {
        let mut inner = self.roll.lock();
        if inner.closed {
            return None;
        }
        let since = Instant::now();
        let mut all = Vec::with_capacity(leases.len());
        for (served, lease) in leases {
            let orders = Orders::new();
            all.push(orders.clone());
            self.roll.tracker.add_running_job(lease.key.job);
            self.roll.live.increment(1);
            let entry = Entry {
                orders,
                served: Arc::clone(served),
                stop_grace: lease
                    .spec
                    .as_ref()
                    .map_or(DEFAULT_STOP_GRACE, |spec| grace_of(spec)),
                phase: Phase::Launching,
                host: None,
                since,
                left: false,
                held,
            };
            inner.entries.insert(lease.key, entry);
        }
        Some(all)
    }
}

impl Drop for Acquiring {
    /// Without a reply: whatever the call acquired is unknown here, and handed back after the next
    /// heartbeat, or by the last look of a drain.
    fn drop(&mut self) {
        self.roll.lock().in_flight.remove(&self.number);
        self.roll.landed.ring();
    }
}

impl Drop for Roll {
    /// What is left on it nobody here answers for any more.
    fn drop(&mut self) {
        let left = u32::try_from(self.live_count()).unwrap_or(u32::MAX);
        self.live.decrement(left);
    }
}

impl std::fmt::Debug for Roll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let jobs: Vec<JobId> = self.tracker.running_jobs();
        f.debug_tuple("Roll").field(&jobs).finish()
    }
}
