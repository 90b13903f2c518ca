//! One job of the model, and the one place that it is in.

use longshore_core::disposition::Spent;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::output::{KeptOutput, ResumePoint};
use longshore_core::priority::Lane;
use longshore_core::spec::Timeout;
use longshore_core::state::{Event, State, TerminalState, transition};
use longshore_core::store::{AttemptView, LeaseKey, OutputCursor};
use longshore_core::waiting::Reason;
use longshore_core::{HostId, JobId, JobSpec, Priority, QueueId, WorkerId};

use super::{Answer, Model, Refusal};

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) spec: JobSpec,
    pub(super) queue: QueueId,
    pub(super) place: Place,
    /// Its own priority, if it moved up with age.
    pub(super) own: Option<Priority>,
    /// Attempts that have ended.
    pub(super) attempts: Vec<AttemptView>,
    /// Parts of output, of all attempts.
    pub(super) output: Vec<Part>,
}

/// A stored part of output.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) lease: LeaseKey,
    pub(super) cursor: OutputCursor,
    pub(super) kept: KeptOutput,
    pub(super) resume: Option<ResumePoint>,
}

/// Where a job is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Waiting(Waiting),
    Live(Box<Live>),
    Settled {
        state: TerminalState,
        attempt: i32,
        exit_code: Option<i32>,
    },
}

/// What is known of a job that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) due: Due,
    pub(super) lane: Lane,
    /// Attempts made so far.
    pub(super) attempt: i32,
    pub(super) spent: Spent,
    pub(super) reason: Reason,
}

/// When a job that waits may go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// In its line, at this place.
    InLine(u64),
    /// It came due and nobody has moved it to its line yet: by the call that put it off, and then by
    /// its delay.
    Passed(u64, std::time::Duration),
    /// In an hour.
    Later,
    /// On hold.
    Never,
}

/// What is known of a job that a worker has.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) key: LeaseKey,
    pub(super) worker: WorkerId,
    pub(super) acquire_number: i64,
    pub(super) takeovers: u16,
    pub(super) lane: Lane,
    pub(super) spent: Spent,
    pub(super) launched: Option<(HostId, Handle, Demand)>,
    /// Of its host, when the handle was stored.
    pub(super) boot_id: Option<String>,
    pub(super) note: Option<String>,
    pub(super) started: bool,
    pub(super) cancel_requested: bool,
}

impl Job {
    pub(super) fn state(&self) -> State {
        match &self.place {
            Place::Waiting(waiting) if waiting.due == Due::Never => State::Pending,
            Place::Waiting(waiting) if waiting.reason == Reason::Retry => State::Retrying,
            Place::Waiting(_) => State::Queued,
            Place::Live(live) if live.started => State::Running,
            Place::Live(_) => State::Launching,
            Place::Settled { state, .. } => (*state).into(),
        }
    }

    pub(super) fn lease(&self) -> Option<LeaseKey> {
        self.live().map(|live| live.key)
    }

    pub(super) fn live(&self) -> Option<&Live> {
        match &self.place {
            Place::Live(live) => Some(live),
            Place::Waiting(_) | Place::Settled { .. } => None,
        }
    }

    pub(super) fn waiting(&self) -> Option<&Waiting> {
        match &self.place {
            Place::Waiting(waiting) => Some(waiting),
            Place::Live(_) | Place::Settled { .. } => None,
        }
    }

    /// Attempts made, the live one included.
    pub(super) fn attempts_made(&self) -> i32 {
        match &self.place {
            Place::Waiting(waiting) => waiting.attempt,
            Place::Live(live) => live.key.attempt.0,
            Place::Settled { attempt, .. } => *attempt,
        }
    }

    /// Whether it waits no longer than a moment before it is given up.
    pub(super) fn is_impatient(&self) -> bool {
        let bound = self.spec.queue_timeout.and_then(Timeout::limit);
        bound.is_some_and(|bound| bound <= Model::SOON)
    }

    /// Whether it has waited too long: it is in its queue, and was due.
    pub(super) fn is_overdue(&self) -> bool {
        let is_due = self
            .waiting()
            .is_some_and(|waiting| matches!(waiting.due, Due::InLine(_) | Due::Passed(..)));
        is_due && self.is_impatient()
    }

    /// Whether the state has an arrow for it.
    pub(super) fn step(&self, id: JobId, event: Event) -> Answer<()> {
        match transition(self.state(), event) {
            Ok(_) => Ok(()),
            Err(illegal) => Err(Refusal::Illegal(id, illegal.state, illegal.event)),
        }
    }
}
