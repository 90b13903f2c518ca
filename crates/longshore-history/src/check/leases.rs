//! S3, by the store's answers: how many leases a queue certainly had at one instant.
//!
//! Looked at where an acquisition is answered. The leases that are certainly live at that line
//! were acquired one after another; when the last of them was, the others were there already. So
//! their number is held against the largest limit that may have been in force from the latest of
//! their CALLs on, and against the callers' own limits: the last was one whose call had not been
//! answered by then. A limit lowered later, beside leases that began before, is no breach.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::Findings;
use super::ledger::{CallIndex, LeaseIndex, Ledger};
use super::queue_limits::QueueLimits;
use crate::event::Position;
use crate::ids::QueueId;
use crate::store::{Answer, Call};
use crate::verdict::Doubt;
use crate::violation::{Breach, BreachKind, Place};

/// Notes every acquisition beyond a limit, and returns the most leases that each queue certainly
/// had at once.
pub(super) fn judge(
    ledger: &Ledger<'_>,
    limits: &QueueLimits,
    findings: &mut Findings,
) -> BTreeMap<QueueId, usize> {
    let mut by_end: Vec<LeaseIndex> = (0..ledger.leases.len()).collect();
    by_end.sort_by_key(|&lease| ledger.leases[lease].live_until);
    let mut ends = by_end.into_iter().peekable();
    let mut queues: BTreeMap<QueueId, Live> = BTreeMap::new();
    let mut first_lease = 0;
    for (call, asked, leased) in ledger.acquisitions() {
        let at = ledger.calls[call].ended();
        while let Some(lease) = ends.next_if(|&lease| ledger.leases[lease].live_until < at) {
            let queue = ledger.leases[lease].queue;
            queues
                .entry(queue)
                .or_default()
                .remove(ledger.leases[lease].call, lease, ledger);
        }
        let these = first_lease..first_lease + leased.len();
        first_lease = these.end;
        let live = queues.entry(asked.queue).or_default();
        live.add(call, these, ledger);
        live.judge(asked.queue, call, ledger, limits, findings);
    }
    queues
        .into_iter()
        .map(|(queue, live)| (queue, live.most))
        .collect()
}

/// The leases of one queue during the sweep.
#[derive(Default)]
struct Live {
    leases: BTreeSet<LeaseIndex>,
    /// How many of each acquisition are live, by its answer.
    by_answer: BTreeMap<Position, (CallIndex, usize)>,
    /// The CALLs of these acquisitions.
    called: BTreeSet<Position>,
    most: usize,
}

impl Live {
    fn add(&mut self, call: CallIndex, leases: std::ops::Range<LeaseIndex>, ledger: &Ledger<'_>) {
        let at = ledger.calls[call].ended();
        // One that may have ended before its acquisition was answered was never certainly live.
        let live: Vec<_> = leases
            .filter(|&lease| ledger.leases[lease].live_until > at)
            .collect();
        if !live.is_empty() {
            self.by_answer.insert(at, (call, live.len()));
            self.called.insert(ledger.calls[call].called);
            self.leases.extend(live);
            self.most = self.most.max(self.leases.len());
        }
    }

    fn remove(&mut self, call: CallIndex, lease: LeaseIndex, ledger: &Ledger<'_>) {
        if !self.leases.remove(&lease) {
            return;
        }
        let answer = ledger.calls[call].ended();
        if let Some((_, left)) = self.by_answer.get_mut(&answer) {
            *left -= 1;
            if *left == 0 {
                self.by_answer.remove(&answer);
                self.called.remove(&ledger.calls[call].called);
            }
        }
    }

    fn judge(
        &self,
        queue: QueueId,
        call: CallIndex,
        ledger: &Ledger<'_>,
        limits: &QueueLimits,
        findings: &mut Findings,
    ) {
        let Some(&latest_call) = self.called.last() else {
            return;
        };
        let at = ledger.calls[call].ended();
        if !self.by_answer.contains_key(&at) {
            return; // it brought nothing, or nothing that lasted
        }
        // Those that can have been the last: few, for all of them were open at one time.
        let last = self.by_answer.range(latest_call..);
        let own_limit = |(_, (call, _)): (&Position, &(CallIndex, usize))| {
            match ledger.calls[*call].call {
                Call::Acquire(asked) => asked.limit,
                _ => None,
            }
            .unwrap_or(u32::MAX)
        };
        let own = last.map(own_limit).max().unwrap_or(u32::MAX);
        let queues = limits.largest(queue, latest_call, at).unwrap_or(u32::MAX);
        let limit = own.min(queues);
        if u32::try_from(self.leases.len()).is_ok_and(|live| live <= limit) {
            return;
        }
        findings.note_proved(Place::Line(at), BreachKind::AcquiredBeyondLimit, || {
            let runs = self.leases.iter().map(|&lease| ledger.leases[lease].run);
            let breach = Breach::AcquiredBeyondLimit {
                queue,
                limit,
                live: runs.collect(),
            };
            let calls = self.by_answer.values();
            let lines = calls.flat_map(|&(call, _)| ledger.lines(call));
            let changes = ledger.calls.iter().enumerate().filter(|(_, made)| {
                let in_time = made.ended() >= latest_call && made.called <= at;
                matches!(made.call, Call::ChangeQueue(_)) && in_time
            });
            let changes = changes.flat_map(|(index, _)| ledger.lines(index));
            (breach, lines.chain(changes).collect())
        });
    }
}

/// Whether a limit was changed between acquisitions.
pub(super) fn limit_not_changed(ledger: &Ledger<'_>) -> Option<Doubt> {
    let brought = |(call, _, leased): (CallIndex, _, &[_])| {
        (!leased.is_empty()).then(|| ledger.calls[call].ended())
    };
    let mut answers = ledger.acquisitions().filter_map(brought);
    let first = answers.next();
    let last = answers.last();
    let between =
        |at: Position| first.is_some_and(|first| first < at) && last.is_some_and(|last| at < last);
    let changed = ledger.calls.iter().any(|made| {
        let sets = matches!(made.call, Call::ChangeQueue(wish) if wish.sets_limit);
        sets && matches!(made.done(), Some(Answer::ChangeQueue(_))) && between(made.ended())
    });
    (!changed).then_some(Doubt::LimitNotChanged)
}
