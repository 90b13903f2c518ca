//! The end of attempts, as the model does it.

use longshore_core::attempt::{AttemptError, AttemptRecord, Exit};
use longshore_core::disposition::{Disposition, Spent};
use longshore_core::priority::Lane;
use longshore_core::state::{Event, State, TerminalState, transition};
use longshore_core::store::{AttemptView, Finish, FinishOutcome, LeaseKey};
use longshore_core::waiting::Reason;

use super::job::{Due, Job, Live, Place, Waiting};
use super::{MOMENT, Model};

impl Model {
    /// Ends attempts, each judged alone. Those that go back to a line do so in the order of their
    /// jobs, however the call mixed them: first queued, first acquired.
    pub fn finish(&mut self, finishes: &[Finish]) -> Vec<FinishOutcome> {
        self.put_offs += 1;
        let mut in_order: Vec<usize> = (0..finishes.len()).collect();
        in_order.sort_by_key(|index| finishes[*index].lease.job);
        let mut outcomes = vec![FinishOutcome::LeaseLost; finishes.len()];
        for index in in_order {
            outcomes[index] = self.finish_one(&finishes[index]);
        }
        outcomes
    }

    fn finish_one(&mut self, finish: &Finish) -> FinishOutcome {
        let Some(live) = self.held(finish.lease).map(|live| live.clone()) else {
            return self.was_finished(finish.lease);
        };
        let started = live.started || finish.record.started;
        let then = match finish.then {
            // Whoever hands it back has not heard that a person asked for its end.
            Disposition::RetryAfter(_) | Disposition::HandBack | Disposition::Lost
                if live.cancel_requested =>
            {
                Disposition::Settle(TerminalState::Cancelled)
            }
            then => then,
        };
        let state = if started {
            State::Running
        } else {
            State::Launching
        };
        if let Err(illegal) = transition(state, event(then)) {
            return FinishOutcome::Illegal(illegal);
        }
        let lease = finish.lease;
        let place = self.place_after(&live, then, &finish.record);
        if let Some(job) = self.jobs.get_mut(&lease.job) {
            job.attempts.push(ended(&live, started, &finish.record));
            if let Place::Settled { .. } = place {
                job.place = place;
            } else if let Place::Waiting(waiting) = place {
                self.put(lease.job, waiting);
            }
        }
        if then == finish.then {
            FinishOutcome::Finished
        } else {
            FinishOutcome::Cancelled
        }
    }

    fn was_finished(&self, lease: LeaseKey) -> FinishOutcome {
        let is_it =
            |ended: &AttemptView| (ended.attempt, ended.token) == (lease.attempt, lease.token);
        let job: Option<&Job> = self.jobs.get(&lease.job);
        if job.is_some_and(|job| job.attempts.iter().any(is_it)) {
            FinishOutcome::AlreadyFinished
        } else {
            FinishOutcome::LeaseLost
        }
    }

    fn place_after(&mut self, live: &Live, then: Disposition, record: &AttemptRecord) -> Place {
        let priority = live.lane.priority();
        let spent = live.spent;
        let attempt = live.key.attempt.0;
        let waiting = |due, lane, spent, reason| {
            Place::Waiting(Waiting {
                due,
                lane,
                attempt,
                spent,
                reason,
            })
        };
        match then {
            Disposition::Settle(state) => Place::Settled {
                state,
                attempt,
                exit_code: record.exit.and_then(|exit| exit.shell_code()),
            },
            Disposition::RetryAfter(delay) => {
                let due = if delay <= Self::SOON {
                    Due::Passed(self.put_offs, delay)
                } else {
                    Due::Later
                };
                let spent = Spent {
                    tries: spent.tries + 1,
                    ..spent
                };
                waiting(due, Lane::joining(priority), spent, Reason::Retry)
            }
            Disposition::HandBack => {
                let due = Due::InLine(self.end_of_line());
                waiting(due, Lane::ahead(priority), spent, Reason::HandedBack)
            }
            Disposition::Lost => {
                let due = Due::InLine(self.end_of_line());
                let spent = Spent {
                    losses: spent.losses + 1,
                    ..spent
                };
                waiting(due, Lane::ahead(priority), spent, Reason::Lost)
            }
        }
    }
}

fn event(then: Disposition) -> Event {
    match then {
        Disposition::Settle(TerminalState::Completed) => Event::Complete,
        Disposition::Settle(TerminalState::Failed) => Event::Fail,
        Disposition::Settle(TerminalState::TimedOut) => Event::TimeOut,
        Disposition::Settle(TerminalState::Cancelled) => Event::Cancel,
        Disposition::RetryAfter(_) => Event::Retry,
        Disposition::HandBack | Disposition::Lost => Event::HandBack,
    }
}

/// What is shown of an attempt.
pub(super) fn view(live: &Live, started: bool) -> AttemptView {
    AttemptView {
        attempt: live.key.attempt,
        token: live.key.token,
        worker: live.worker,
        host: live.launched.as_ref().map(|(host, ..)| *host),
        handle: live
            .launched
            .as_ref()
            .map(|(_, handle, _)| handle.0.clone()),
        claimed_at: MOMENT,
        started_at: started.then_some(MOMENT),
        ended_at: None,
        record: None,
    }
}

fn ended(live: &Live, started: bool, record: &AttemptRecord) -> AttemptView {
    let kept = |error: &AttemptError| AttemptError {
        class: error.class,
        text: error.kept_text().to_owned(),
    };
    let record = AttemptRecord {
        // An exit that says nothing is none.
        exit: record.exit.filter(|exit| *exit != Exit::default()),
        started,
        error: record.error.as_ref().map(kept),
        ..record.clone()
    };
    AttemptView {
        ended_at: Some(MOMENT),
        record: Some(record),
        ..view(live, started)
    }
}
