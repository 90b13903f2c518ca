//! A queue in memory, as simple as can be: what a store is compared with.
//!
//! It knows where each job stands and who is before whom; no time passes in it, so that a retry
//! that is due later is never due.

use std::collections::BTreeMap;

use longshore_core::disposition::{Disposition, Spent};
use longshore_core::priority::Lane;
use longshore_core::state::{Event, transition};
use longshore_core::store::{FinishOutcome, LeaseKey};
use longshore_core::{JobId, Priority, State};
use rand::seq::IteratorRandom;

/// The model.
#[derive(Default)]
pub(super) struct Model {
    /// The queue's limit.
    pub(super) limit: Option<u32>,
    /// Whether it is paused.
    pub(super) paused: bool,
    jobs: BTreeMap<JobId, Job>,
    /// The next place at the end of a line.
    next_place: u64,
}

struct Job {
    state: State,
    submitted_with: Priority,
    lane: Lane,
    place: u64,
    attempts: i32,
    spent: Spent,
    cancel_requested: bool,
    lease: Option<LeaseKey>,
}

/// What became of a cancellation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cancelled {
    AtOnce,
    Requested,
    AlreadyEnded(State),
}

impl Model {
    /// Every job and its state.
    pub(super) fn states(&self) -> Vec<(JobId, State)> {
        self.jobs.iter().map(|(id, job)| (*id, job.state)).collect()
    }

    /// Any job, if there is one.
    pub(super) fn any_job(&self, chance: &mut impl rand::Rng) -> Option<JobId> {
        self.jobs.keys().copied().choose(chance)
    }

    /// Any job with a lease, if there is one.
    pub(super) fn any_live(&self, chance: &mut impl rand::Rng) -> Option<JobId> {
        let live = self.jobs.iter().filter(|(_, job)| job.state.is_live());
        live.map(|(id, _)| *id).choose(chance)
    }

    pub(super) fn submit(&mut self, id: JobId, priority: u8, held: bool) {
        let priority = Priority::new(priority.into()).expect("a walk draws 0 to 100");
        let job = Job {
            state: if held { State::Pending } else { State::Queued },
            submitted_with: priority,
            lane: Lane::joining(priority),
            place: self.end_of_line(),
            attempts: 0,
            spent: Spent::default(),
            cancel_requested: false,
            lease: None,
        };
        self.jobs.insert(id, job);
    }

    pub(super) fn queue(&mut self, id: JobId) -> Result<(), State> {
        let place = self.end_of_line();
        let job = self.job(id);
        job.step(Event::Queue)?;
        job.place = place;
        Ok(())
    }

    pub(super) fn dequeue(&mut self, id: JobId) -> Result<(), State> {
        self.job(id).step(Event::Dequeue)
    }

    pub(super) fn reprioritise(&mut self, id: JobId, priority: Priority) -> Result<(), State> {
        let place = self.end_of_line();
        let job = self.job(id);
        job.step(Event::Reprioritise)?;
        job.lane = Lane::joining(priority);
        job.place = place;
        Ok(())
    }

    pub(super) fn retry_now(&mut self, id: JobId) -> Result<(), State> {
        let place = self.end_of_line();
        let job = self.job(id);
        if job.state.is_terminal() {
            // Its line was forgotten when it ended.
            job.lane = Lane::joining(job.submitted_with);
        }
        job.step(Event::RetryNow)?;
        job.place = place;
        job.spent = Spent::default();
        Ok(())
    }

    pub(super) fn cancel(&mut self, id: JobId) -> Cancelled {
        let job = self.job(id);
        if job.state.is_terminal() {
            return Cancelled::AlreadyEnded(job.state);
        }
        if job.state.is_live() {
            job.cancel_requested = true;
            return Cancelled::Requested;
        }
        job.step(Event::Cancel)
            .expect("whatever waits can be cancelled");
        Cancelled::AtOnce
    }

    /// Who is acquired, in order, with what a lease says of it.
    pub(super) fn acquire(&mut self, want: u32) -> Vec<(JobId, i32, Lane, Spent)> {
        if self.paused {
            return Vec::new();
        }
        let taken = self.jobs.values().filter(|job| job.state.is_live()).count();
        let room = self
            .limit
            .map_or(usize::MAX, |limit| limit as usize)
            .saturating_sub(taken);
        let mut line: Vec<(JobId, &mut Job)> = self
            .jobs
            .iter_mut()
            .filter(|(_, job)| job.state == State::Queued)
            .map(|(id, job)| (*id, job))
            .collect();
        line.sort_by_key(|(_, job)| (job.lane, job.place));
        line.into_iter()
            .take(room.min(want as usize))
            .map(|(id, job)| {
                job.step(Event::Acquire).expect("it is queued");
                job.attempts += 1;
                (id, job.attempts, job.lane, job.spent)
            })
            .collect()
    }

    /// Notes under which keys they were acquired.
    pub(super) fn leased(&mut self, keys: impl Iterator<Item = LeaseKey>) {
        for key in keys {
            self.job(key.job).lease = Some(key);
        }
    }

    /// The lease of a live job.
    pub(super) fn lease_of(&self, id: JobId) -> LeaseKey {
        self.jobs[&id].lease.expect("a live job has a lease")
    }

    pub(super) fn start(&mut self, id: JobId) -> LeaseKey {
        let job = self.job(id);
        if job.state == State::Launching {
            job.step(Event::Start).expect("it is launching");
        }
        self.lease_of(id)
    }

    pub(super) fn finish(&mut self, id: JobId, then: Disposition) -> (LeaseKey, FinishOutcome) {
        let key = self.lease_of(id);
        let place = self.end_of_line();
        let job = self.job(id);
        job.lease = None;
        let cancelled = std::mem::take(&mut job.cancel_requested);
        job.state = match then {
            Disposition::Settle(state) => state.into(),
            _ if cancelled => {
                job.state = State::Cancelled;
                return (key, FinishOutcome::Cancelled);
            }
            Disposition::RetryAfter(_) => {
                job.spent.tries += 1;
                job.lane = Lane::joining(job.lane.priority());
                State::Retrying
            }
            Disposition::HandBack | Disposition::Lost => {
                job.spent.losses += u16::from(then == Disposition::Lost);
                job.lane = Lane::ahead(job.lane.priority());
                job.place = place;
                State::Queued
            }
        };
        (key, FinishOutcome::Finished)
    }

    fn job(&mut self, id: JobId) -> &mut Job {
        self.jobs.get_mut(&id).expect("a walk draws known jobs")
    }

    fn end_of_line(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }
}

impl Job {
    fn step(&mut self, event: Event) -> Result<(), State> {
        self.state = transition(self.state, event).map_err(|illegal| illegal.state)?;
        Ok(())
    }
}
