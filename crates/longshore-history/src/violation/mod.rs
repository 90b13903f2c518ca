//! What a history can prove broken: the breaches, each tied to one promise and
//! to the place where the history became impossible.
//!
//! The module owns their data and their wording. It must never decide whether
//! one happened; that is `check`'s.

mod breach;
mod kind;
mod words;

use serde::Serialize;

pub use breach::Breach;
pub use kind::{BreachKind, Counts, Promise};
pub(crate) use words::{counted, limit_words};

use crate::event::Position;
use crate::ids::RunId;

/// One broken promise, with its proof's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The promise.
    pub promise: Promise,
    /// Where the history became impossible.
    pub at: Place,
    /// What happened.
    #[serde(flatten)]
    pub breach: Breach,
}

/// Where a history became impossible. A line comes before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At this event: something happened that must not.
    Line(Position),
    /// Only at the end of the history: something is missing.
    End,
}

/// A run and its START.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LiveRun {
    /// Which attempt of which job.
    #[serde(flatten)]
    pub id: RunId,
    /// Where it started.
    pub started: Position,
}
