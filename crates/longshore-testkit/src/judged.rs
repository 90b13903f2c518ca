//! How a concurrency test ends: by a verdict that names the promise, also for whoever runs it to see
//! whether it can fail.
//!
//! A test that was built to catch a broken promise says which one it caught. Where a file is named in
//! [`REPORT`], the verdict is appended to it before the test fails, so that a run with a planted bug
//! can tell a catch from a panic, a time-out or a failure of another kind.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde::Serialize;

/// Names the file that verdicts are appended to, one JSON object per line.
pub const REPORT: &str = "LONGSHORE_TEETH_REPORT";

/// What a test concluded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Judged {
    /// What was to be exercised was, and the promises held.
    Passed,
    /// A promise was broken, for certain.
    Violated {
        /// Which: `S1` to `S12`, `L1` to `L6`.
        promise: String,
        /// What was seen.
        what: String,
    },
    /// Nothing is proved broken, but what was to be exercised was not.
    Unknown {
        /// What is missing.
        why: String,
    },
}

impl Judged {
    /// A broken promise.
    pub fn violated(promise: &str, what: impl Into<String>) -> Self {
        Self::Violated {
            promise: promise.to_owned(),
            what: what.into(),
        }
    }

    /// Not shown.
    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// Itself if it passed no judgement yet, else the worse of the two: a violation before what is
    /// unknown, and the earlier of two alike.
    #[must_use]
    pub fn and(self, later: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Passed => later(),
            Self::Violated { .. } => self,
            Self::Unknown { .. } => match later() {
                violated @ Self::Violated { .. } => violated,
                Self::Passed | Self::Unknown { .. } => self,
            },
        }
    }
}

/// A broken promise unless this holds.
pub fn holds(promise: &str, holds: bool, what: impl FnOnce() -> String) -> Judged {
    if holds {
        Judged::Passed
    } else {
        Judged::violated(promise, what())
    }
}

/// Unknown unless this was exercised.
pub fn exercised(was: bool, why: impl FnOnce() -> String) -> Judged {
    if was {
        Judged::Passed
    } else {
        Judged::unknown(why())
    }
}

#[derive(Serialize)]
struct Line<'a> {
    test: &'a str,
    #[serde(flatten)]
    judged: &'a Judged,
}

/// Ends the test that calls it: reports what was concluded, and panics unless it passed. To be called
/// on the test's own thread, whose name is the test's.
#[track_caller]
pub fn conclude(judged: &Judged) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    if let Some(path) = std::env::var_os(REPORT) {
        let line = serde_json::to_string(&Line { test, judged }).expect("plain values");
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.expect("the report can be opened");
        writeln!(file, "{line}").expect("the report can be written");
    }
    match judged {
        Judged::Passed => {}
        Judged::Violated { promise, what } => panic!("VIOLATED {promise}: {what}"),
        Judged::Unknown { why } => panic!("UNKNOWN: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_goes_before_what_is_unknown_and_the_first_of_two_alike_counts() {
        let unknown = || Judged::unknown("one");
        let violated = || Judged::violated("S3", "two");
        assert_eq!(Judged::Passed.and(unknown), unknown());
        assert_eq!(unknown().and(violated), violated());
        assert_eq!(unknown().and(|| Judged::Passed), unknown());
        assert_eq!(unknown().and(|| Judged::unknown("three")), unknown());
        assert_eq!(
            violated().and(|| Judged::violated("S1", "four")),
            violated()
        );
    }

    #[test]
    #[should_panic(expected = "VIOLATED S7: the second went first")]
    fn a_violation_fails_its_test_by_name() {
        conclude(&holds("S7", false, || "the second went first".to_owned()));
    }

    #[test]
    #[should_panic(expected = "UNKNOWN: the limit was not reached")]
    fn what_was_not_exercised_fails_its_test_too() {
        conclude(&exercised(false, || "the limit was not reached".to_owned()));
    }
}
