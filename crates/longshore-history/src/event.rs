//! What a history consists of: events, each with its place and its source.
//!
//! An event is kept as it was told. This module must never interpret one; what
//! events mean together is decided in `check`.

use std::fmt;

use serde::Serialize;

use crate::store::StoreEvent;
use crate::witness::WitnessLine;

/// One recorded thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Where in the history it stands.
    pub at: Position,
    /// Who told it, and what was told.
    #[serde(flatten)]
    pub source: Source,
}

/// Who told an event, with what was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Source {
    /// The job itself, in the witness file.
    Witness(WitnessLine),
    /// A recorder before the store, in the same file.
    Store(StoreEvent),
}

/// A place in the history, counted from 1: its line number, since all sources
/// write into one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Position(usize);

impl Position {
    /// After every line: where what is still open may yet happen.
    pub(crate) const NEVER: Self = Self(usize::MAX);

    /// The position of line `number`, the first being 1.
    pub fn of_line(number: usize) -> Self {
        Self(number)
    }

    /// The line number, the first being 1.
    pub fn line(self) -> usize {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.0)
    }
}
