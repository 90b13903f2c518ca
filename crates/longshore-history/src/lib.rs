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
//!     queue: None,
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
//! # The store's side
//!
//! A recorder may write the store's events ([`store`]) into the same file; then
//! all promises are judged, and the [`Exercise`] of the expectation says what the
//! run must have done to prove anything. The recorder must see every call that
//! changes the store: a change that it misses makes right histories look wrong.
//!
//! # How it grows
//!
//! Every recorded thing is an [`Event`]: a [`Position`] in the history and a
//! [`Source`] that told it. A verb is a row in the table of `store/verbs.rs`; a
//! promise is a variant of [`Promise`], one or more of [`BreachKind`] and
//! [`Breach`], and one more pass beside the existing ones in `check`. All matches
//! on breaches are exhaustive, so the compiler names every place that must decide.

mod check;
mod event;
mod exercise;
mod expectation;
mod ids;
pub mod store;
mod stored;
mod verdict;
mod violation;
mod witness;

pub use check::check;
pub use event::{Event, Position, Source};
pub use exercise::{Arrow, Exercise};
pub use expectation::{Expectation, ExpectedEnd, ExpectedJob, ExpectedRuns, Limit};
pub use ids::{AttemptNumber, JobId, QueueId, RunId, Token, WorkerId};
pub use stored::{JobState, Micros, StoredAttempt, StoredJob, UnknownState};
pub use verdict::{Doubt, LimitUse, Summary, Verdict};
pub use violation::{Breach, BreachKind, Counts, LiveRun, Place, Promise, Violation};
pub use witness::{LineError, Mark, Who, WhoError, Witness, WitnessError, WitnessLine};
