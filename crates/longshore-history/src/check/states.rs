//! Sets of states, and what each call does to a job's: the arrows of the design's section 2 and its
//! ADR 0007, told once more in the checker's own words.

use super::ledger::{Made, finish_word};
use crate::store::{Answer, Call, CancelWord, Finish, FinishWord, Then};
use crate::stored::JobState;

/// Where a job may stand: some of the nine states, or not there yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct States(u16);

impl States {
    pub(super) const NONE: Self = Self(0);
    /// Not submitted yet.
    pub(super) const ABSENT: Self = Self(1 << 9);
    /// Anything that a job can be.
    pub(super) const ANY: Self = Self((1 << 9) - 1);
    const WAITING: Self = Self::of(JobState::Queued).or(Self::of(JobState::Retrying));
    const LIVE: Self = Self::of(JobState::Launching).or(Self::of(JobState::Running));

    pub(super) const fn of(state: JobState) -> Self {
        Self(1 << state as u16)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn has(self, state: JobState) -> bool {
        self.and(Self::of(state)) != Self::NONE
    }

    /// The state, if there is only one.
    pub(super) fn only(self) -> Option<JobState> {
        let mut all = self.iter();
        let first = all.next()?;
        (all.next().is_none() && self.and(Self::ABSENT) == Self::NONE).then_some(first)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = JobState> {
        let all = JobState::ALL.into_iter();
        all.filter(move |state| self.has(*state))
    }

    /// Each of them as a set of one.
    pub(super) fn singles(self) -> impl Iterator<Item = Self> {
        let bits = (0..10).map(|bit| Self(1 << bit));
        bits.filter(move |single| self.and(*single) != Self::NONE)
    }
}

/// What a call does to one job: from any of these states to that one, or to none other.
#[derive(Clone, Copy)]
pub(super) struct Move {
    pub(super) from: States,
    /// None leaves the state as it is.
    pub(super) to: Option<JobState>,
}

const fn to(from: States, to: JobState) -> Move {
    Move { from, to: Some(to) }
}

const fn stays(from: States) -> Move {
    Move { from, to: None }
}

/// What an answered call did to the job that this item names; nothing if it was refused.
pub(super) fn certain_moves(made: &Made<'_>, item: usize) -> Vec<Move> {
    use JobState as S;
    let Some(answer) = made.done() else {
        return Vec::new();
    };
    match (made.call, answer) {
        (Call::Submit(jobs), Answer::Submit(answers)) => {
            match (jobs.get(item), answers.get(item)) {
                (Some(new), Some(submitted)) if submitted.new => {
                    let first = if new.held { S::Pending } else { S::Queued };
                    vec![to(States::ABSENT, first)]
                }
                _ => Vec::new(),
            }
        }
        (_, Answer::Acquire(_)) => vec![to(States::WAITING, S::Launching)],
        // Supervision moves, the job stays where it is.
        (_, Answer::TakeOver(_)) => vec![stays(States::LIVE)],
        (_, Answer::MarkLaunched(fenced)) if fenced.outcome.is_accepted() => {
            vec![stays(States::LIVE)]
        }
        (_, Answer::NoteLaunch(answer)) if answer.status.is_accepted() => {
            vec![stays(States::LIVE)]
        }
        (_, Answer::MarkRunning(answer)) if answer.status.is_accepted() => {
            vec![to(States::LIVE, S::Running)]
        }
        (_, Answer::AppendOutput(answers)) => match answers.get(item) {
            Some(answer) if answer.status.is_accepted() => vec![stays(States::LIVE)],
            Some(_) | None => Vec::new(),
        },
        (Call::Finish(finishes), _) => match finish_word(answer, item) {
            Some(FinishWord::Finished) => vec![finish_move(&finishes[item])],
            Some(FinishWord::Cancelled) => vec![to(States::LIVE, S::Cancelled)],
            Some(FinishWord::AlreadyFinished | FinishWord::LeaseLost | FinishWord::Illegal)
            | None => Vec::new(),
        },
        (_, Answer::RequestCancel(cancel)) => match (cancel.outcome, cancel.state) {
            (CancelWord::Cancelled, _) => {
                let waiting = States::WAITING.or(States::of(S::Pending));
                vec![to(waiting, S::Cancelled)]
            }
            (CancelWord::Requested, _) => vec![stays(States::LIVE)],
            (CancelWord::AlreadyEnded, Some(state)) => vec![stays(States::of(state))],
            (CancelWord::AlreadyEnded, None) => Vec::new(),
        },
        (_, Answer::ExpireWaiting(_)) => vec![to(States::WAITING, S::TimedOut)],
        (_, Answer::AgeWaiting(_)) => vec![stays(States::WAITING)],
        (call, _) => person_move(call).into_iter().collect(),
    }
}

/// What a call of which nobody knows may have done, or may still do, to the job that this item
/// names.
pub(super) fn possible_moves(made: &Made<'_>, item: usize) -> Vec<Move> {
    use JobState as S;
    match made.call {
        Call::MarkRunning(_) => vec![to(States::LIVE, S::Running)],
        Call::Finish(finishes) => {
            let cancelled = to(States::LIVE, S::Cancelled);
            vec![finish_move(&finishes[item]), cancelled]
        }
        Call::RequestCancel(_) => {
            let waiting = States::WAITING.or(States::of(S::Pending));
            vec![to(waiting, S::Cancelled)]
        }
        call => person_move(call).into_iter().collect(),
    }
}

/// What acquisitions of which nobody knows may have done to any job.
pub(super) const TAKEN: Move = to(States::WAITING, JobState::Launching);
/// What upkeep of which nobody knows may have done to any job.
pub(super) const EXPIRED: Move = to(States::WAITING, JobState::TimedOut);

fn finish_move(finish: &Finish) -> Move {
    use JobState as S;
    // A container that was seen running makes the job one that ran.
    let ran = if finish.started {
        States::LIVE
    } else {
        States::of(S::Running)
    };
    match finish.then {
        Then::Completed => to(ran, S::Completed),
        Then::Failed => to(States::LIVE, S::Failed),
        Then::TimedOut => to(States::LIVE, S::TimedOut),
        Then::Cancelled => to(States::LIVE, S::Cancelled),
        Then::Retry => to(States::LIVE, S::Retrying),
        Then::HandBack | Then::Lost => to(States::LIVE, S::Queued),
    }
}

fn person_move(call: &Call) -> Option<Move> {
    use JobState as S;
    let retried = States::of(S::Failed)
        .or(States::of(S::TimedOut))
        .or(States::of(S::Retrying));
    match call {
        Call::QueueJob(_) => Some(to(States::of(S::Pending), S::Queued)),
        Call::DequeueJob(_) => Some(to(States::WAITING, S::Pending)),
        Call::Reprioritise(_) => Some(stays(States::WAITING.or(States::of(S::Pending)))),
        Call::RetryJob(_) => Some(to(retried, S::Queued)),
        _ => None,
    }
}
