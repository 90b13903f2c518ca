//! [`longshore_core::store::Submissions`], as the model does it.

use longshore_core::disposition::Spent;
use longshore_core::priority::Lane;
use longshore_core::state::{Event, TerminalState};
use longshore_core::store::{CancelOutcome, NewJob, Submitted};
use longshore_core::waiting::Reason;
use longshore_core::{JobId, JobSpec, Priority, QueueId};

use super::job::{Due, Job, Place, Waiting};
use super::{Answer, MOMENT, Model, Refusal};

impl Model {
    /// Submits jobs: all of them or none. Of a call that is wrong in two ways a store may say
    /// either, so every refusal that fits is answered.
    pub fn submit(&mut self, jobs: &[NewJob]) -> Result<Vec<Submitted>, Vec<Refusal>> {
        let before = self.clone();
        let mut refusals = Vec::new();
        let mut answers = Vec::new();
        for job in jobs {
            let is_nowhere = self.queue_named(job.spec().queue_name()).is_err();
            let answer = self.submit_one(job, before.last_job);
            // The first of each kind: a store stops there.
            for refusal in answer
                .as_ref()
                .err()
                .into_iter()
                .chain(is_nowhere.then_some(&Refusal::UnknownQueue))
            {
                let kind = std::mem::discriminant(refusal);
                if !refusals
                    .iter()
                    .any(|other| std::mem::discriminant(other) == kind)
                {
                    refusals.push(refusal.clone());
                }
            }
            answers.extend(answer);
        }
        if refusals.is_empty() {
            return Ok(answers);
        }
        *self = before;
        Err(refusals)
    }

    fn submit_one(&mut self, job: &NewJob, last_before: i64) -> Answer<Submitted> {
        let spec = job.spec();
        if let Some(key) = &spec.idempotency_key {
            let has_key =
                |(_, job): &(&JobId, &Job)| job.spec.idempotency_key.as_ref() == Some(key);
            if let Some((earlier, first)) = self.jobs.iter().find(has_key) {
                if first.spec == *spec {
                    return Ok(Submitted {
                        job: *earlier,
                        is_new: false,
                    });
                }
                let known = (earlier.0 <= last_before).then_some(*earlier);
                return Err(Refusal::KeyReused(key.clone(), known));
            }
        }
        let queue = self.queue_named(spec.queue_name())?;
        let due = if job.is_held() {
            Due::Never
        } else {
            self.due_by(spec)
        };
        let reason = match due {
            Due::Never => Reason::Pending,
            Due::Later => Reason::Delayed,
            Due::InLine(_) | Due::Passed(..) => Reason::New,
        };
        let waiting = Waiting {
            due,
            lane: Lane::joining(spec.priority),
            attempt: 0,
            spent: Spent::default(),
            reason,
        };
        self.last_job += 1;
        let id = JobId(self.last_job);
        self.enter(id, spec.clone(), queue, waiting);
        Ok(Submitted {
            job: id,
            is_new: true,
        })
    }

    fn enter(&mut self, id: JobId, spec: JobSpec, queue: QueueId, waiting: Waiting) {
        let job = Job {
            spec,
            queue,
            own: None,
            place: Place::Waiting(waiting),
            attempts: Vec::new(),
            output: Vec::new(),
        };
        self.comes_due |= job.is_overdue();
        self.jobs.insert(id, job);
    }

    /// To its line, or to its time if that is still to come.
    fn due_by(&mut self, spec: &JobSpec) -> Due {
        match spec.scheduled_for {
            Some(at) if at > MOMENT => Due::Later,
            Some(_) | None => Due::InLine(self.end_of_line()),
        }
    }

    /// `pending` → `queued`.
    pub fn queue_job(&mut self, id: JobId) -> Answer<()> {
        let job = self.job(id)?;
        job.step(id, Event::Queue)?;
        let spec = job.spec.clone();
        let due = self.due_by(&spec);
        self.move_waiting(id, |waiting| Waiting {
            due,
            reason: Reason::Released,
            ..waiting
        });
        Ok(())
    }

    /// `queued` or `retrying` → `pending`. Its lane and what it has used stay.
    pub fn dequeue_job(&mut self, id: JobId) -> Answer<()> {
        self.job(id)?.step(id, Event::Dequeue)?;
        self.move_waiting(id, |waiting| Waiting {
            due: Due::Never,
            reason: Reason::Held,
            ..waiting
        });
        Ok(())
    }

    /// To the end of another line, or of the same.
    pub fn reprioritise(&mut self, id: JobId, priority: Priority) -> Answer<()> {
        self.job(id)?.step(id, Event::Reprioritise)?;
        let place = self.end_of_line();
        self.move_waiting(id, |waiting| Waiting {
            lane: Lane::joining(priority),
            due: match waiting.due {
                Due::InLine(_) => Due::InLine(place),
                due @ (Due::Passed(..) | Due::Later | Due::Never) => due,
            },
            ..waiting
        });
        self.forget_age(id);
        Ok(())
    }

    /// A person said anew what its priority is.
    fn forget_age(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.own = None;
        }
    }

    /// Cancels what waits, asks the worker of what is live, and says how the rest ended.
    pub fn request_cancel(&mut self, id: JobId) -> Answer<CancelOutcome> {
        self.job(id)?;
        let job = self.jobs.get_mut(&id).ok_or(Refusal::UnknownJob(id))?;
        let state = job.state();
        match &mut job.place {
            Place::Settled { .. } => Ok(CancelOutcome::AlreadyEnded(state)),
            Place::Live(live) => {
                live.cancel_requested = true;
                Ok(CancelOutcome::Requested)
            }
            Place::Waiting(waiting) => {
                job.place = Place::Settled {
                    state: TerminalState::Cancelled,
                    attempt: waiting.attempt,
                    exit_code: None,
                };
                Ok(CancelOutcome::Cancelled)
            }
        }
    }

    /// `failed`, `timed_out` or `retrying` → `queued`, budgets whole.
    pub fn retry_job(&mut self, id: JobId) -> Answer<()> {
        let job = self.job(id)?;
        job.step(id, Event::RetryNow)?;
        // What has ended forgot its line: it goes by what was asked for at first.
        let priority = match &job.place {
            Place::Waiting(waiting) => waiting.lane.priority(),
            Place::Live(live) => live.lane.priority(),
            Place::Settled { .. } => job.spec.priority,
        };
        let attempt = job.attempts_made();
        if job.state().is_terminal() {
            self.forget_age(id);
        }
        let waiting = Waiting {
            due: Due::InLine(self.end_of_line()),
            lane: Lane::joining(priority),
            attempt,
            spent: Spent::default(),
            reason: Reason::RetryNow,
        };
        self.put(id, waiting);
        Ok(())
    }

    fn move_waiting(&mut self, id: JobId, change: impl FnOnce(Waiting) -> Waiting) {
        let waiting = self.jobs.get(&id).and_then(Job::waiting).copied();
        if let Some(waiting) = waiting {
            self.put(id, change(waiting));
        }
    }

    /// Puts a job where it waits.
    pub(super) fn put(&mut self, id: JobId, waiting: Waiting) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.place = Place::Waiting(waiting);
            self.comes_due |= job.is_overdue() || matches!(waiting.due, Due::Passed(..));
        }
    }
}
