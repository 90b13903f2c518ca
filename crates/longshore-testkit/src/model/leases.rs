//! Acquiring and asking about leases, as the model does it.

use longshore_core::limit::room;
use longshore_core::store::{AcquireRequest, HeldLease, Lease, LeaseKey, LeaseStatus};
use longshore_core::{AttemptNumber, JobId, QueueId, Token, WorkerId};

use super::job::{Due, Job, Live, Place, Waiting};
use super::{Answer, MOMENT, Model, Refusal};

impl Model {
    /// Takes the first jobs of a line, within its limits. What is due is staged first, whatever is
    /// then taken.
    pub fn acquire(&mut self, request: AcquireRequest) -> Answer<Vec<Lease>> {
        let queue = self
            .queues
            .get(&request.queue)
            .ok_or(Refusal::UnknownQueue)?;
        let (limit, paused) = (queue.max_concurrent, queue.paused);
        self.stage(request.queue, usize::MAX);
        let may_acquire = self
            .workers
            .get(&request.worker)
            .is_some_and(|worker| !worker.shown.draining && worker.shown.stopped_at.is_none());
        if paused || !may_acquire {
            return Ok(Vec::new());
        }
        let live = self.live_in(request.queue).count();
        let live = u32::try_from(live).unwrap_or(u32::MAX);
        let want = request.want.min(AcquireRequest::MAX_WANT);
        let room = room(want, live, limit, request.max_concurrent);
        let first: Vec<_> = self
            .line(request.queue)
            .into_iter()
            .take(room as usize)
            .collect();
        Ok(first
            .into_iter()
            .map(|(id, waiting)| self.lease(id, waiting, &request))
            .collect())
    }

    /// The jobs in a queue's line, first to last.
    pub(super) fn line(&self, queue: QueueId) -> Vec<(JobId, Waiting)> {
        let mut line: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.queue == queue)
            .filter_map(|(id, job)| Some((*id, *job.waiting()?)))
            .filter(|(_, waiting)| matches!(waiting.due, Due::InLine(_)))
            .collect();
        line.sort_by_key(|(_, waiting)| (waiting.lane, waiting.due));
        line
    }

    fn lease(&mut self, id: JobId, waiting: Waiting, request: &AcquireRequest) -> Lease {
        let token = i64::try_from(self.given.len()).unwrap_or(i64::MAX);
        let key = LeaseKey {
            job: id,
            attempt: AttemptNumber(waiting.attempt + 1),
            token: Token(token + 1),
        };
        self.given.push(key);
        let job = self.jobs.get_mut(&id).expect("it was in its line");
        job.place = Place::Live(Box::new(Live {
            key,
            worker: request.worker,
            acquire_number: request.acquire_number,
            takeovers: 0,
            lane: waiting.lane,
            spent: waiting.spent,
            launched: None,
            boot_id: None,
            note: None,
            started: false,
            cancel_requested: false,
        }));
        Lease {
            key,
            queue: job.queue,
            lane: waiting.lane,
            spent: waiting.spent,
            claimed_at: MOMENT,
            spec: Ok(Box::new(job.spec.clone())),
        }
    }

    /// How these leases stand.
    pub fn check_leases(&self, leases: &[LeaseKey]) -> Vec<LeaseStatus> {
        leases.iter().map(|lease| self.status(*lease)).collect()
    }

    /// How a lease stands.
    pub(super) fn status(&self, lease: LeaseKey) -> LeaseStatus {
        match self.jobs.get(&lease.job).and_then(Job::live) {
            Some(live) if live.key == lease && live.cancel_requested => {
                LeaseStatus::CancelRequested
            }
            Some(live) if live.key == lease => LeaseStatus::Held,
            Some(_) | None => LeaseStatus::Lost,
        }
    }

    /// The leases of a worker, by job.
    pub fn leases_of(&self, worker: WorkerId) -> Vec<HeldLease> {
        let live = self.jobs.values().filter_map(Job::live);
        live.filter(|live| live.worker == worker)
            .map(|live| HeldLease {
                key: live.key,
                acquire_number: live.acquire_number,
                is_taken_over: live.takeovers > 0,
            })
            .collect()
    }

    /// The live jobs of a queue, lowest id first.
    pub(super) fn live_in(&self, queue: QueueId) -> impl Iterator<Item = JobId> + '_ {
        let jobs = self.jobs.iter().filter(move |(_, job)| job.queue == queue);
        jobs.filter(|(_, job)| job.live().is_some())
            .map(|(id, _)| *id)
    }

    /// The live attempt under this lease, if it is held.
    pub(super) fn held(&mut self, lease: LeaseKey) -> Option<&mut Live> {
        match &mut self.jobs.get_mut(&lease.job)?.place {
            Place::Live(live) if live.key == lease => Some(live),
            Place::Live(_) | Place::Waiting(_) | Place::Settled { .. } => None,
        }
    }
}
