//! What the passes found: the earliest violation, and how many of each kind.

use crate::event::Position;
use crate::violation::{Breach, BreachKind, Counts, Place, Violation};

#[derive(Default)]
pub(super) struct Findings {
    earliest: Option<Found>,
    counts: Counts,
}

/// The earliest violation so far.
pub(super) struct Found {
    pub(super) violation: Violation,
    /// The store's events that prove it; empty where the jobs' own lines do.
    pub(super) proof: Vec<Position>,
}

impl Findings {
    /// Counts a breach that the jobs' own lines prove, and keeps it if it is the
    /// earliest by place and, at one place, by kind; the first noted wins a tie.
    ///
    /// `breach` is called only then, so that a history full of breaches costs no
    /// more than a clean one.
    pub(super) fn note(&mut self, at: Place, kind: BreachKind, breach: impl FnOnce() -> Breach) {
        self.note_proved(at, kind, || (breach(), Vec::new()));
    }

    /// As [`Self::note`], with the lines of the store that prove it.
    pub(super) fn note_proved(
        &mut self,
        at: Place,
        kind: BreachKind,
        breach: impl FnOnce() -> (Breach, Vec<Position>),
    ) {
        self.counts.add(kind);
        let is_earlier = self.earliest.as_ref().is_none_or(|kept| {
            let kept = &kept.violation;
            (at, kind) < (kept.at, kept.breach.kind())
        });
        if is_earlier {
            let (breach, proof) = breach();
            debug_assert_eq!(breach.kind(), kind, "a pass names what it builds");
            let violation = Violation {
                promise: kind.promise(),
                at,
                breach,
            };
            self.earliest = Some(Found { violation, proof });
        }
    }

    pub(super) fn into_earliest(self) -> Option<(Found, Counts)> {
        self.earliest.map(|found| (found, self.counts))
    }
}
