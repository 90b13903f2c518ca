//! S6: each job moves along the arrows, in some order of its calls that their lines allow.
//!
//! A job is replayed alone. What is kept at each line is every pair of a state and the open calls
//! that have taken effect already (the "just-in-time" way to look for a linearisation); a line
//! that no pair survives has no explanation. Calls of which nobody knows what came of them may
//! move the job at any time after, any number of times: more than is possible, so that nothing
//! right is ever called wrong.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::ledger::{CallIndex, Ledger, Naming};
use super::states::{EXPIRED, Move, States, TAKEN, certain_moves, possible_moves};
use crate::event::Position;
use crate::exercise::Arrow;
use crate::expectation::Expectation;
use crate::ids::JobId;
use crate::store::Call;
use crate::stored::JobState;
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// The most open calls that name one job before its replay gives up: each doubles what is kept.
const OPEN_MAX: usize = 10;

/// What the replay of all jobs brought.
pub(super) struct Replay {
    /// How what is known of each job changed, in the order of the lines.
    pub(super) changes: Vec<Change>,
    /// The arrows that were certainly taken.
    pub(super) seen: BTreeSet<Arrow>,
}

/// From a line on a job may stand in other states than before.
pub(super) struct Change {
    pub(super) at: Position,
    pub(super) before: States,
    pub(super) after: States,
}

pub(super) fn judge(
    ledger: &Ledger<'_>,
    expectation: &Expectation,
    findings: &mut Findings,
) -> Replay {
    let mut replay = Replay {
        changes: Vec::new(),
        seen: BTreeSet::new(),
    };
    let anywhere = moves_of_anything(ledger);
    for (&job, namings) in &ledger.named {
        let last = OneJob::of(job, namings, ledger, &anywhere).run(ledger, findings, &mut replay);
        judge_end(job, last, namings, ledger, expectation, findings);
    }
    replay.changes.sort_by_key(|change| change.at);
    replay
}

/// What may happen to a job from a line on, though nothing names it.
fn moves_of_anything(ledger: &Ledger<'_>) -> Vec<(Position, Move)> {
    let mut first: [Option<Position>; 2] = [None, None];
    for made in ledger.calls.iter().filter(|made| made.is_unknown()) {
        match made.call {
            Call::Acquire(_) => first[0] = first[0].or(Some(made.called)),
            Call::ExpireWaiting(_) => first[1] = first[1].or(Some(made.called)),
            _ => {}
        }
    }
    let moves = first.into_iter().zip([TAKEN, EXPIRED]);
    moves.filter_map(|(at, its)| Some((at?, its))).collect()
}

/// One thing that happened to a job for certain.
struct Happening {
    call: CallIndex,
    moves: Vec<Move>,
}

/// A job during its replay.
struct OneJob {
    job: JobId,
    happenings: Vec<Happening>,
    /// What may happen at any time from a line on, by line.
    possible: Vec<(Position, Move)>,
    /// The lines to look at: a happening's CALL, its answer, or only what is possible from here on.
    lines: Vec<(Position, Line)>,
    open: Vec<usize>,
    /// Each state that it may be in, with the open happenings that have taken effect.
    kept: BTreeSet<(States, u16)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    Called(usize),
    Answered(usize),
    Possible,
}

impl OneJob {
    fn of(
        job: JobId,
        namings: &[Naming],
        ledger: &Ledger<'_>,
        anywhere: &[(Position, Move)],
    ) -> Self {
        let mut happenings = Vec::new();
        let mut possible = anywhere.to_vec();
        let mut lines: Vec<_> = anywhere
            .iter()
            .map(|&(at, _)| (at, Line::Possible))
            .collect();
        let mut first = States::ANY;
        for naming in namings {
            let made = &ledger.calls[naming.call];
            if made.is_unknown() {
                let moves = possible_moves(made, naming.item).into_iter();
                possible.extend(moves.map(|its| (made.called, its)));
                lines.push((made.called, Line::Possible));
                continue;
            }
            let moves = certain_moves(made, naming.item);
            if moves.is_empty() {
                continue;
            }
            if moves.iter().any(|its| its.from == States::ABSENT) {
                first = States::ABSENT;
            }
            lines.push((made.called, Line::Called(happenings.len())));
            lines.push((made.ended(), Line::Answered(happenings.len())));
            happenings.push(Happening {
                call: naming.call,
                moves,
            });
        }
        lines.sort_unstable();
        possible.sort_by_key(|&(at, _)| at);
        Self {
            job,
            happenings,
            possible,
            lines,
            open: Vec::new(),
            kept: first.singles().map(|state| (state, 0)).collect(),
        }
    }

    /// Replays it, and returns where it may stand at the end.
    fn run(mut self, ledger: &Ledger<'_>, findings: &mut Findings, replay: &mut Replay) -> States {
        let mut known = States::NONE;
        for (at, line) in std::mem::take(&mut self.lines) {
            match line {
                Line::Called(happening) => self.open.push(happening),
                Line::Answered(happening) => {
                    self.spread(at);
                    let before = self.states_before(happening);
                    if !self.settle(happening) {
                        self.breach(at, happening, before, ledger, findings);
                        replay.note(at, known, States::ANY);
                        return States::ANY;
                    }
                    self.note_arrow(happening, before, replay);
                    self.open.retain(|&open| open != happening);
                }
                Line::Possible => {}
            }
            if self.open.len() > OPEN_MAX {
                replay.note(at, known, States::ANY);
                return States::ANY;
            }
            self.spread(at);
            let now = self.states();
            replay.note(at, known, now);
            known = now;
        }
        known
    }

    fn states(&self) -> States {
        let states = self.kept.iter().map(|&(state, _)| state);
        states.fold(States::NONE, States::or)
    }

    /// Where it may stand if this has not happened yet.
    fn states_before(&self, happening: usize) -> States {
        let bit = self.open.iter().position(|&open| open == happening);
        let bit = bit.map_or(0, |bit| 1_u16 << bit);
        let before = self.kept.iter().filter(|(_, done)| done & bit == 0);
        before.fold(States::NONE, |all, &(state, _)| all.or(state))
    }

    /// Adds what may have happened by now.
    fn spread(&mut self, now: Position) {
        let possible = self.possible.partition_point(|&(at, _)| at <= now);
        let mut new: Vec<_> = self.kept.iter().copied().collect();
        // Bounded: ten states, times the subsets of what is open.
        while let Some((state, done)) = new.pop() {
            let mut reach = |its: &Move, done| {
                if state.and(its.from) == States::NONE {
                    return;
                }
                let next = (its.to.map_or(state, States::of), done);
                if self.kept.insert(next) {
                    new.push(next);
                }
            };
            for (_, its) in &self.possible[..possible] {
                reach(its, done);
            }
            for (bit, &open) in self.open.iter().enumerate() {
                if done & (1 << bit) == 0 {
                    for its in &self.happenings[open].moves {
                        reach(its, done | (1 << bit));
                    }
                }
            }
        }
    }

    /// Keeps only what has seen this happen; false if nothing has.
    fn settle(&mut self, happening: usize) -> bool {
        let Some(bit) = self.open.iter().position(|&open| open == happening) else {
            return true;
        };
        let below = (1_u16 << bit) - 1;
        let without = |done: u16| (done & below) | ((done >> 1) & !below);
        let seen = self.kept.iter().filter(|(_, done)| done & (1 << bit) != 0);
        let kept: BTreeSet<_> = seen.map(|&(state, done)| (state, without(done))).collect();
        let explained = !kept.is_empty();
        self.kept = kept;
        explained
    }

    /// Notes the arrow, where only one can have been taken: nothing else was open.
    fn note_arrow(&self, happening: usize, before: States, replay: &mut Replay) {
        let [its] = self.happenings[happening].moves.as_slice() else {
            return;
        };
        let mut from = before.and(its.from).iter();
        if let (Some(from), None, Some(to), 1) = (from.next(), from.next(), its.to, self.open.len())
        {
            replay.seen.insert(Arrow { from, to });
        }
    }

    fn breach(
        &self,
        at: Position,
        happening: usize,
        before: States,
        ledger: &Ledger<'_>,
        findings: &mut Findings,
    ) {
        let call = self.happenings[happening].call;
        findings.note_proved(Place::Line(at), BreachKind::IllegalMove, || {
            let breach = Breach::IllegalMove {
                job: self.job,
                verb: ledger.calls[call].call.verb(),
                called: ledger.calls[call].called,
                possible: before.iter().collect(),
            };
            let until_now = self.happenings.iter().map(|happening| happening.call);
            let until_now = until_now.filter(|&call| ledger.calls[call].called <= at);
            (
                breach,
                until_now.flat_map(|call| ledger.lines(call)).collect(),
            )
        });
    }
}

impl Replay {
    fn note(&mut self, at: Position, before: States, after: States) {
        if before != after {
            self.changes.push(Change { at, before, after });
        }
    }
}

/// Is what the store says at the end among what the calls leave possible?
fn judge_end(
    job: JobId,
    last: States,
    namings: &[Naming],
    ledger: &Ledger<'_>,
    expectation: &Expectation,
    findings: &mut Findings,
) {
    let Some(stored) = expectation.stored_job(job) else {
        return;
    };
    let state: JobState = stored.state;
    if last == States::NONE || last.has(state) {
        return;
    }
    findings.note_proved(Place::End, BreachKind::StateUnexplained, || {
        let breach = Breach::StateUnexplained {
            job,
            state,
            possible: last.iter().collect(),
        };
        let lines = namings.iter().flat_map(|naming| ledger.lines(naming.call));
        (breach, lines.collect())
    });
}

/// The arrows that the run was to take and did not.
pub(super) fn unseen(replay: &Replay, expectation: &Expectation) -> Option<Doubt> {
    let missing = expectation.must.arrows.difference(&replay.seen);
    let missing: Vec<Arrow> = missing.copied().collect();
    (!missing.is_empty()).then_some(Doubt::ArrowsUnseen { missing })
}
