//! Recorded histories, and the checker that judges them against the promises
//! of Longshore's design (S1 to S12).
//!
//! The crate owns three things: the [`Witness`] (what the jobs themselves
//! wrote down), the [`Expectation`] (what should have happened, and what the
//! store says did), and [`check()`], which compares the two and returns a
//! [`Verdict`].
//!
//! It must never do I/O, read a clock, draw a random number, or depend on
//! another Longshore crate: whatever judges the system shares no code with it,
//! and the same history gets the same verdict on every machine.
//!
//! ```
//! use longshore_history::{Expectation, JobId, Limit, Verdict, Witness, check};
//!
//! let witness = Witness::parse(
//!     "START 1 1 100 pid-71\n\
//!      START 2 1 105 pid-72\n\
//!      END 1 1 140 pid-71\n\
//!      END 2 1 150 pid-72\n",
//! )?;
//! let jobs = [JobId(1), JobId(2)];
//! let expectation = Expectation::each_once(jobs).with_limit(Limit {
//!     name: "default".to_owned(),
//!     max: 1,
//!     jobs: jobs.into(),
//!     must_reach: true,
//! });
//!
//! let verdict = check(&witness, &expectation);
//! assert!(matches!(verdict, Verdict::Violated { .. }));
//! assert_eq!(
//!     verdict.to_string(),
//!     "verdict: VIOLATED S3: 2 jobs ran at once under limit 1 of default at line 2: jobs 1, 2",
//! );
//! # Ok::<(), longshore_history::WitnessError>(())
//! ```
//!
//! # How it grows
//!
//! Every recorded thing is an [`Event`]: a [`Position`] in the history and a
//! [`Source`] that told it. Another source (the store's own events) becomes a
//! variant of [`Source`], merged before the check; a promise that is judged on
//! it becomes a variant of [`Promise`], one or more of [`BreachKind`] and
//! [`Breach`], and one more pass beside the existing ones in `check`. All
//! matches are exhaustive, so the compiler names every place that must decide.

mod check;
mod event;
mod expectation;
mod ids;
mod stored;
mod verdict;
mod violation;
mod witness;

pub use check::check;
pub use event::{Event, Position, Source};
pub use expectation::{Expectation, ExpectedEnd, ExpectedJob, ExpectedRuns, Limit};
pub use ids::{AttemptNumber, JobId, RunId};
pub use stored::{JobState, StoredJob, UnknownState};
pub use verdict::{Doubt, LimitUse, Summary, Verdict};
pub use violation::{Breach, BreachKind, Counts, LiveRun, Place, Promise, Violation};
pub use witness::{LineError, Mark, Who, WhoError, Witness, WitnessError, WitnessLine};
