//! Who held each lease, and since when: by acquisition, and by the take-overs that were answered.
//!
//! Part of the ledger. It must never judge.

use std::collections::BTreeMap;

use super::ledger::{CallIndex, Lease, Ledger, run_of};
use crate::event::Position;
use crate::ids::{JobId, RunId, Token, WorkerId};
use crate::store::{Answer, Call};

/// Who certainly held a lease, under which token.
#[derive(Clone, Copy)]
pub(super) struct Holder {
    pub(super) worker: WorkerId,
    pub(super) token: Token,
    /// What gave it: an acquisition or a take-over.
    pub(super) call: CallIndex,
    /// From here on it may have been given.
    pub(super) called: Position,
    /// From here on it was.
    pub(super) since: Position,
}

/// A take-over of one attempt that was certainly given.
#[derive(Clone, Copy)]
pub(super) struct Taking {
    pub(super) run: RunId,
    pub(super) last: Token,
    pub(super) from: WorkerId,
    pub(super) by: Holder,
}

impl Ledger<'_> {
    pub(super) fn note_takings(&mut self) {
        for &call in &self.answered {
            let made = &self.calls[call];
            let (Call::TakeOver(asked), Some(Answer::TakeOver(taken))) = (made.call, made.done())
            else {
                continue;
            };
            let takings = taken.iter().map(|taken| Taking {
                run: run_of(taken.job, taken.attempt),
                last: taken.last,
                from: taken.from,
                by: Holder {
                    worker: asked.worker,
                    token: taken.token,
                    call,
                    called: made.called,
                    since: made.ended(),
                },
            });
            self.takings.extend(takings);
        }
        // Tokens rise in the order in which leases moved, whatever the order of the answers.
        let mut in_order = self.takings.clone();
        in_order.sort_by_key(|taking| (taking.run, taking.by.token));
        for taking in in_order {
            // Between the token that is known and the last one another reply may have been lost.
            let by_token = self.lease_of.get(&(taking.run, taking.last));
            let Some(&lease) = by_token.or_else(|| self.lease_of_run.get(&taking.run)) else {
                continue;
            };
            self.leases[lease].holders.push(taking.by);
            let key = (taking.run, taking.by.token);
            self.lease_of.entry(key).or_insert(lease);
        }
        for lease in &mut self.leases {
            lease.holders.sort_by_key(|holder| holder.token);
        }
    }

    /// The first take-over of which nobody knows what came of it: from its CALL on any lease may have
    /// moved.
    pub(super) fn may_have_moved(&self) -> Position {
        let unknown = self.calls.iter().filter(|made| made.is_unknown());
        let take_overs = unknown.filter(|made| matches!(made.call, Call::TakeOver(_)));
        let called = take_overs.map(|made| made.called);
        called.min().unwrap_or(Position::NEVER)
    }

    /// The takings of each attempt's job.
    pub(super) fn takings_by_job(&self) -> BTreeMap<JobId, Vec<&Taking>> {
        let mut by_job: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for taking in &self.takings {
            by_job.entry(taking.run.job).or_default().push(taking);
        }
        by_job
    }
}

impl Lease {
    /// Who held it under this token; the last one known to have held it for a token that nobody was
    /// told.
    pub(super) fn holder_under(&self, token: Token) -> WorkerId {
        let held = self.holders.iter().rev();
        let holder = held.into_iter().find(|holder| holder.token <= token);
        holder.map_or(self.worker, |holder| holder.worker)
    }

    /// Each holder, with the line from which on it may have been another's.
    pub(super) fn times_held(&self) -> impl Iterator<Item = (&Holder, Position)> {
        let until = self.holders.iter().skip(1).map(|next| next.called);
        self.holders.iter().zip(until.chain([Position::NEVER]))
    }
}
