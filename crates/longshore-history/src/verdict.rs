//! What the checker concludes.
//!
//! The module owns the shape and the wording of a verdict. It must never soften
//! one: what was not tested is unknown, never passed.

use std::fmt;

use serde::Serialize;

use crate::event::Event;
use crate::exercise::Arrow;
use crate::ids::JobId;
use crate::stored::JobState;
use crate::violation::{Counts, LiveRun, Violation, counted, limit_words};

/// The judgement of one history. Its `Display` is one line; serialized it is a
/// JSON object whose field `verdict` is `passed`, `violated` or `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every promise that can be judged on this history was put to the test,
    /// and held.
    Passed {
        /// What was seen.
        summary: Summary,
    },
    /// A promise was broken, for certain.
    Violated {
        /// The earliest violation by its place in the history.
        violation: Violation,
        /// The events that prove it, in order.
        sub_history: Vec<Event>,
        /// How many breaches of each kind there are in all.
        all_counts: Counts,
    },
    /// Nothing is proved broken, but the history does not show that the
    /// promises held.
    Unknown {
        /// The first reason.
        why: Doubt,
    },
}

impl Verdict {
    /// Whether the history passed.
    pub fn is_passed(&self) -> bool {
        match self {
            Self::Passed { .. } => true,
            Self::Violated { .. } | Self::Unknown { .. } => false,
        }
    }
}

/// What was seen in a history that passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The jobs that were expected.
    pub jobs: usize,
    /// The runs that the witness saw.
    pub runs: usize,
    /// Whether every job was expected to run exactly once, and did.
    pub each_once: bool,
    /// Each limit, in the order of the expectation.
    pub limits: Vec<LimitUse>,
}

/// How far a limit was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitUse {
    /// The limit's name.
    pub name: String,
    /// What it allows.
    pub max: u32,
    /// The most runs seen live at one instant: a lower bound of the truth.
    pub most_live: usize,
}

/// Why a history without a violation still proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "doubt", rename_all = "snake_case")]
pub enum Doubt {
    /// The witness is empty. Whether nothing ran or nothing could be written,
    /// it cannot say.
    NothingRecorded {
        /// The jobs that were expected.
        jobs: usize,
        /// How many of them the store calls completed.
        completed: usize,
    },
    /// The history stops before the store calls every job ended.
    NotSettled {
        /// The first such job.
        job: JobId,
        /// Its state in the store.
        state: JobState,
        /// How many more such jobs there are.
        others: usize,
    },
    /// The last run of a job has no END, and the store was not asked what
    /// became of it.
    EndUnseen {
        /// The first such run, by job.
        run: LiveRun,
        /// How many more such jobs there are.
        others: usize,
    },
    /// A limit that the run was made to reach was never reached.
    LimitNotReached {
        /// How far it was used.
        limit: LimitUse,
    },
    /// S1 was to be put to the test, and no two workers contended.
    NeverContended {
        /// How many workers got work.
        workers: usize,
        /// Whether two workers asked one queue at one time.
        overlapped: bool,
    },
    /// No live attempt was taken over.
    NothingTakenOver,
    /// No limit was changed between acquisitions.
    LimitNotChanged,
    /// No reply to a keyed submission was lost and asked for again.
    NoReplyLost,
    /// No write was refused because its lease was another's.
    NoStaleWriteRefused,
    /// Some arrows of the state machine were not taken.
    ArrowsUnseen {
        /// Those.
        missing: Vec<Arrow>,
    },
    /// No job was taken while another certainly waited.
    NothingToOvertake,
    /// No job with a due time was acquired.
    NothingScheduled,
    /// No attempt was followed by a retry.
    NothingRetried,
    /// No worker had a live lease when it began to drain.
    NothingRanAtDrain,
    /// The store was never looked at while nothing else was asked of it.
    NoSnapshotAtRest,
}

impl LimitUse {
    pub(crate) fn is_reached(&self) -> bool {
        // A count too large for its type is above any limit.
        u32::try_from(self.most_live).map_or(true, |most| most >= self.max)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { summary } => write!(f, "verdict: PASSED: {summary}"),
            Self::Violated {
                violation,
                all_counts,
                ..
            } => {
                write!(f, "verdict: VIOLATED {}: {violation}", violation.promise)?;
                match all_counts.total() {
                    0 | 1 => Ok(()),
                    total => write!(f, " (the first of {total} violations)"),
                }
            }
            Self::Unknown { why } => write!(f, "verdict: UNKNOWN: {why}"),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = counted(self.jobs, "job");
        match (self.each_once, self.jobs) {
            (true, 1) => write!(f, "{jobs}, ran exactly once")?,
            (true, _) => write!(f, "{jobs}, each ran exactly once")?,
            (false, _) => write!(
                f,
                "{jobs}, {}, each job as often as expected",
                counted(self.runs, "run")
            )?,
        }
        for limit in &self.limits {
            write!(f, "; {limit}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LimitUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}, never exceeded (max live {})",
            limit_words(self.max, &self.name),
            if self.is_reached() {
                "reached"
            } else {
                "not reached"
            },
            self.most_live
        )
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingRecorded { jobs, completed } => {
                write!(
                    f,
                    "the witness recorded nothing of {}",
                    counted(*jobs, "job")
                )?;
                match completed {
                    0 => Ok(()),
                    _ => write!(f, ", though the store calls {completed} completed"),
                }
            }
            Self::NotSettled { job, state, others } => write!(
                f,
                "the history stops while the store calls job {job} {state}{}",
                others_words(*others)
            ),
            Self::EndUnseen { run, others } => write!(
                f,
                "{}, started at {}, has no end, and the store was not asked{}",
                run.id,
                run.started,
                others_words(*others)
            ),
            Self::LimitNotReached { limit } => write!(
                f,
                "{} was never reached (max live {}), so it was not tested",
                limit_words(limit.max, &limit.name),
                limit.most_live
            ),
            Self::NeverContended {
                workers,
                overlapped,
            } => write!(
                f,
                "{} got work and {}, so nobody contended",
                counted(*workers, "worker"),
                if *overlapped {
                    "acquisitions overlapped"
                } else {
                    "no two workers asked at one time"
                }
            ),
            Self::NothingTakenOver => f.write_str("nobody took over a live attempt"),
            Self::LimitNotChanged => f.write_str("no limit was changed between acquisitions"),
            Self::NoReplyLost => {
                f.write_str("no reply to a keyed submission was lost and asked for again")
            }
            Self::NoStaleWriteRefused => {
                f.write_str("no stale write was refused, for none was made")
            }
            Self::ArrowsUnseen { missing } => {
                let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                write!(f, "no job was certainly seen to go {}", missing.join(", "))
            }
            Self::NothingToOvertake => {
                f.write_str("no job was taken while another certainly waited")
            }
            Self::NothingScheduled => f.write_str("no job with a due time was acquired"),
            Self::NothingRetried => f.write_str("no attempt was followed by a retry"),
            Self::NothingRanAtDrain => {
                f.write_str("no worker had a live lease when it began to drain")
            }
            Self::NoSnapshotAtRest => {
                f.write_str("the store was never looked at while nothing else was asked of it")
            }
        }
    }
}

fn others_words(others: usize) -> String {
    match others {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}
