//! What the passes found: the earliest violation, and how many of each kind.

use crate::violation::{Breach, BreachKind, Counts, Place, Violation};

#[derive(Default)]
pub(super) struct Findings {
    earliest: Option<Violation>,
    counts: Counts,
}

impl Findings {
    /// Counts a breach, and keeps it if it is the earliest by place and, at one
    /// place, by kind; the first noted wins a tie.
    ///
    /// `breach` is called only then, so that a history full of breaches costs no
    /// more than a clean one.
    pub(super) fn note(&mut self, at: Place, kind: BreachKind, breach: impl FnOnce() -> Breach) {
        self.counts.add(kind);
        let is_earlier = self
            .earliest
            .as_ref()
            .is_none_or(|kept| (at, kind) < (kept.at, kept.breach.kind()));
        if is_earlier {
            let breach = breach();
            debug_assert_eq!(breach.kind(), kind, "a pass names what it builds");
            self.earliest = Some(Violation {
                promise: kind.promise(),
                at,
                breach,
            });
        }
    }

    pub(super) fn into_earliest(self) -> Option<(Violation, Counts)> {
        self.earliest.map(|violation| (violation, self.counts))
    }
}
