//! Which START and END belong to one run.
//!
//! A mark belongs to its attempt; an END ends the attempt's latest START. Of an
//! attempt that was started twice, the earlier START thus stays without an END,
//! and counts as live at its own line only: a lower bound, as everywhere.

use std::collections::BTreeMap;

use crate::event::{Event, Position, Source};
use crate::ids::{JobId, RunId};
use crate::violation::LiveRun;
use crate::witness::Mark;

/// A history's runs, and what each of its marks does to them.
pub(super) struct Runs {
    /// In the order of their STARTs.
    all: Vec<Run>,
    /// In the order of the history.
    marks: Vec<PairedMark>,
    last_of_job: BTreeMap<JobId, RunIndex>,
}

/// A START, and its END if there is one.
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) start: Position,
    pub(super) end: Option<Position>,
    /// The how-manieth run of its job, the first being 1.
    pub(super) nth: u32,
}

/// A run by its place in [`Runs::all`].
pub(super) type RunIndex = usize;

/// What one mark does.
#[derive(Clone, Copy)]
pub(super) enum PairedMark {
    /// It starts a run.
    Start { run: RunIndex, before: Before },
    /// It ends a run.
    End { run: RunIndex },
    /// It is an END with no START to end: none at all, or one that had ended
    /// before.
    StrayEnd {
        id: RunId,
        at: Position,
        ended_before: Option<Position>,
    },
}

/// What the history had of an attempt before it started.
#[derive(Clone, Copy)]
pub(super) enum Before {
    /// Nothing.
    Unseen,
    /// A START there, and no END after it.
    Started(Position),
    /// An END there, and no START after it.
    Ended(Position),
}

impl Runs {
    pub(super) fn pair(events: &[Event]) -> Self {
        let mut pairing = Self {
            all: Vec::new(),
            marks: Vec::with_capacity(events.len()),
            last_of_job: BTreeMap::new(),
        };
        let mut attempts: BTreeMap<RunId, AttemptSoFar> = BTreeMap::new();
        for event in events {
            let Source::Witness(line) = &event.source else {
                continue;
            };
            let so_far = attempts.get(&line.run).copied();
            let (mark, so_far) = match line.mark {
                Mark::Start => pairing.start(line.run, event.at, so_far),
                Mark::End => pairing.end(line.run, event.at, so_far),
            };
            pairing.marks.push(mark);
            attempts.insert(line.run, so_far);
        }
        pairing
    }

    /// Every run, in the order of the STARTs.
    pub(super) fn all(&self) -> &[Run] {
        &self.all
    }

    /// Every mark, in the order of the history.
    pub(super) fn marks(&self) -> &[PairedMark] {
        &self.marks
    }

    /// The run of a mark.
    pub(super) fn run(&self, index: RunIndex) -> &Run {
        &self.all[index]
    }

    /// The run of `job` that started last.
    pub(super) fn last_of(&self, job: JobId) -> Option<&Run> {
        self.last_of_job.get(&job).map(|&index| self.run(index))
    }

    fn start(
        &mut self,
        id: RunId,
        at: Position,
        so_far: Option<AttemptSoFar>,
    ) -> (PairedMark, AttemptSoFar) {
        let run = self.all.len();
        self.all.push(Run {
            id,
            start: at,
            end: None,
            nth: self.last_of(id.job).map_or(0, |last| last.nth) + 1,
        });
        self.last_of_job.insert(id.job, run);
        let before = match so_far {
            None => Before::Unseen,
            Some(AttemptSoFar::Open(earlier)) => Before::Started(self.run(earlier).start),
            Some(AttemptSoFar::Ended(at)) => Before::Ended(at),
        };
        (PairedMark::Start { run, before }, AttemptSoFar::Open(run))
    }

    fn end(
        &mut self,
        id: RunId,
        at: Position,
        so_far: Option<AttemptSoFar>,
    ) -> (PairedMark, AttemptSoFar) {
        let ended_before = match so_far {
            Some(AttemptSoFar::Open(run)) => {
                self.all[run].end = Some(at);
                return (PairedMark::End { run }, AttemptSoFar::Ended(at));
            }
            Some(AttemptSoFar::Ended(before)) => Some(before),
            None => None,
        };
        let stray = PairedMark::StrayEnd {
            id,
            at,
            ended_before,
        };
        (stray, AttemptSoFar::Ended(at))
    }
}

/// What pairing remembers of an attempt.
#[derive(Clone, Copy)]
enum AttemptSoFar {
    Open(RunIndex),
    Ended(Position),
}

impl Run {
    /// Whether it was live at `at`, for certain.
    pub(super) fn is_live_at(&self, at: Position) -> bool {
        self.start == at || (self.start < at && self.end.is_some_and(|end| at < end))
    }

    pub(super) fn as_live(&self) -> LiveRun {
        LiveRun {
            id: self.id,
            started: self.start,
        }
    }
}
