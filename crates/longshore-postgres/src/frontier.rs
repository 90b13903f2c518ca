//! The frontier: below which place of a queue's line nothing waits (PROTOCOL section 3).
//!
//! Deleted rows leave dead entries at the head of `ready`, and while some transaction pins the
//! oldest snapshot they can't be cleaned away. So that a scan does not walk over them again and
//! again, it starts at the frontier: per lane a seq at and below which nothing waits, nor ever will.
//!
//! That is proved by two looks ([`Look`]), because a row may have been given its seq by a transaction
//! that has not committed:
//!
//! 1. A look finds *m*, the smallest seq that is visible in a lane, and draws a transaction id *x*
//!    after it looked. Every seq below *m* was drawn before *m* was, so before the look, and by a
//!    transaction that had its id before it drew (each inserter calls `pg_current_xact_id()` or has
//!    written before): its id is below *x*. In a lane where nothing is visible, the last seq that
//!    was drawn, read before the look, stands in for *m* − 1. This is the candidate.
//! 2. A later look whose oldest open transaction is *x* or later sees whatever those transactions
//!    left behind. So with *m′* the smallest seq that *it* sees, nothing waits at or below
//!    min(candidate, *m′* − 1), and nothing ever will, since seqs only grow.
//!
//! (Taking `pg_snapshot_xmax` of the first look for *x* would be wrong: it is one above the newest
//! *ended* transaction, so a transaction with that very id can be open, have drawn a seq, and commit
//! later. `frontier.rs` among the tests shows the case.)
//!
//! A transaction that stays open would hold the frontier back for as long. So beside what is proved
//! there is a *hint*: where nothing was visible [`PATIENCE`] ago, all seqs there having been drawn by
//! then. Acquisitions begin at the hint; jobs that are committed below it are overtaken, as promise S7
//! allows, but never lost: looks begin at what is *proved*, and one that sees a row below the hint
//! takes the hint back to before that row. How often a hint went past what is proved is counted.
//!
//! This module owns that plan, and is plain: looks in, frontier out. It never asks a database or a
//! clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// After this long what was seen empty is taken as a hint, proved or not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Past the last lane.
const END: i16 = 202;

/// A stretch of a queue's line: after (`lane`, `seq`) and before `next_lane`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub lane: i16,
    pub seq: i64,
    pub next_lane: i16,
}

/// Where a look begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asked {
    /// Nothing waits at or before its beginning: that is proved.
    pub segment: Segment,
    /// Up to here the lane has been seen empty and a proof is under way: only what goes past it is
    /// worth another transaction id.
    pub covered: i64,
}

/// What one look at a queue's line told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    /// The first visible seq of each lane: of those that the frontier knows of, none if nothing is
    /// visible there, and of all others where something is.
    pub lanes: Vec<(i16, Option<i64>)>,
    /// The last seq that was drawn, read before the look.
    pub drawn: i64,
    /// The oldest transaction that was open, read before any lane was looked at.
    pub oldest_open: i64,
    /// A transaction id that was drawn after every lane was looked at; none where no lane goes past
    /// what is [covered](Asked::covered).
    pub drawn_xid: Option<i64>,
    /// When, by any clock that does not go back.
    pub at: Duration,
}

/// What is known of a queue's line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frontier {
    lanes: BTreeMap<i16, Lane>,
}

/// What is known of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Lane {
    /// Nothing waits at or below this, nor ever will.
    proved: i64,
    /// At least `proved`; nothing was visible from there up to here by the last look.
    hint: i64,
    candidate: Option<Candidate>,
    ageing: Option<Ageing>,
}

/// What is proved once every transaction before `xid` has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Candidate {
    empty_through: i64,
    xid: i64,
}

/// What was seen empty, and will be the hint unless it is proved before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ageing {
    empty_through: i64,
    since: Duration,
}

impl Frontier {
    /// The line for an acquisition, in segments, in order and without gaps: what is not known of is
    /// covered whole.
    pub fn segments(&self) -> Vec<Segment> {
        self.beginning_at(|lane| lane.hint)
    }

    /// The line for a look, likewise.
    pub fn asked(&self) -> Vec<Asked> {
        let covered = |segment: &Segment| {
            let known = self.lanes.get(&segment.lane);
            let candidate = known.and_then(|lane| lane.candidate);
            candidate.map_or(segment.seq, |candidate| {
                candidate.empty_through.max(segment.seq)
            })
        };
        let segments = self.beginning_at(|lane| lane.proved).into_iter();
        segments
            .map(|segment| Asked {
                segment,
                covered: covered(&segment),
            })
            .collect()
    }

    fn beginning_at(&self, seq: impl Fn(&Lane) -> i64) -> Vec<Segment> {
        let starts = self.lanes.iter().map(|(lane, known)| (*lane, seq(known)));
        let mut starts: Vec<(i16, i64)> = starts.collect();
        if starts.first().is_none_or(|(lane, _)| *lane > 0) {
            starts.insert(0, (0, -1));
        }
        let ends = starts.iter().skip(1).map(|(lane, _)| *lane).chain([END]);
        let pairs = starts.iter().zip(ends);
        pairs
            .map(|((lane, seq), next_lane)| Segment {
                lane: *lane,
                seq: *seq,
                next_lane,
            })
            .collect()
    }

    /// Notes that a lane is in use: one that is emptied between two looks never shows anything.
    pub fn note(&mut self, lane: i16) {
        self.lane(lane);
    }

    /// Learns from a look. Returns in how many lanes a hint went past what is proved.
    pub fn learn(&mut self, look: &Look) -> usize {
        let mut hints = 0;
        for (lane, first) in &look.lanes {
            let bound = first.map_or(look.drawn, |seq| seq - 1);
            hints += usize::from(self.lane(*lane).learn(bound, look));
        }
        hints
    }

    fn lane(&mut self, lane: i16) -> &mut Lane {
        let unknown = || Lane {
            proved: -1,
            hint: -1,
            candidate: None,
            ageing: None,
        };
        self.lanes.entry(lane).or_insert_with(unknown)
    }
}

impl Lane {
    /// Learns that nothing is visible at or below `bound`. Returns whether the hint went past what
    /// is proved.
    fn learn(&mut self, bound: i64, look: &Look) -> bool {
        if let Some(candidate) = self.candidate
            && (look.oldest_open >= candidate.xid
                || longshore_fault::bug!("frontier_without_proof"))
        {
            self.proved = self.proved.max(candidate.empty_through.min(bound));
            self.candidate = None;
        }
        // Back to before a row that was committed below the hint.
        self.hint = self.hint.min(bound).max(self.proved);
        let by_hint = self.grow_old(bound, look.at);
        if let (true, None, Some(xid)) = (bound > self.proved, self.candidate, look.drawn_xid) {
            self.candidate = Some(Candidate {
                empty_through: bound,
                xid,
            });
        }
        by_hint
    }

    fn grow_old(&mut self, bound: i64, now: Duration) -> bool {
        let mut by_hint = false;
        if let Some(ageing) = self.ageing
            && now.saturating_sub(ageing.since) >= PATIENCE
        {
            let empty_through = ageing.empty_through.min(bound);
            by_hint = empty_through > self.hint;
            self.hint = self.hint.max(empty_through);
        }
        self.ageing = self
            .ageing
            .filter(|ageing| ageing.empty_through > self.hint)
            .or_else(|| {
                (bound > self.hint).then_some(Ageing {
                    empty_through: bound,
                    since: now,
                })
            });
        by_hint
    }
}

#[cfg(test)]
mod tests;
