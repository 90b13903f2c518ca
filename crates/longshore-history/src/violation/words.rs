//! How a violation reads: one sentence, on one line, naming its place.

use std::fmt;

use super::{Breach, LiveRun, Place, Violation};
use crate::ids::JobId;

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(position) => position.fmt(f),
            Self::End => f.write_str("the end"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match &self.breach {
            Breach::RanUnacquired { run } => write!(
                f,
                "{run} appears at {at}, though the store never gave the job to a worker"
            ),
            Breach::StartedTwice { run, first } => write!(
                f,
                "{run} started a second time at {at}, with its start at {first} not ended"
            ),
            Breach::AttemptsOverlap { run, live } => write!(
                f,
                "{run} started at {at} while attempt {}, started at {}, was live",
                live.id.attempt, live.started
            ),
            Breach::LimitExceeded { limit, max, live } => write!(
                f,
                "{} ran at once under {} at {at}: jobs {}",
                counted(live.len(), "job"),
                limit_words(*max, limit),
                listed(live)
            ),
            Breach::UnknownJob { run } => {
                write!(f, "{run} appears at {at}, but nobody submitted that job")
            }
            Breach::RestartedAfterEnd { run, ended } => write!(
                f,
                "{run} started again at {at}, after it had ended at {ended}"
            ),
            Breach::RanTooOften { job, runs, at_most } => write!(
                f,
                "job {job} began run {runs} at {at}, expected at most {at_most}"
            ),
            Breach::EndWithoutStart { run } => {
                write!(f, "{run} ended at {at} without having started")
            }
            Breach::EndedTwice { run, first } => write!(
                f,
                "{run} ended a second time at {at}, after its end at {first}"
            ),
            Breach::MissingFromStore { job } => {
                write!(
                    f,
                    "job {job} was acknowledged, but the store has no such job"
                )
            }
            Breach::CompletedUnseen { job, exit_code } => write!(
                f,
                "the store says that job {job} completed{}, but the witness never saw it start",
                code_words(*exit_code)
            ),
            Breach::NeverStarted { job, state } => {
                write!(f, "job {job} never started")?;
                match state {
                    Some(state) => write!(f, "; the store says {state}"),
                    None => Ok(()),
                }
            }
            Breach::RanTooSeldom {
                job,
                runs,
                at_least,
            } => write!(
                f,
                "job {job} began {}, expected at least {at_least}",
                counted(*runs as usize, "run")
            ),
            Breach::EndLost { run, exit_code } => write!(
                f,
                "the store says that job {} completed{}, but attempt {}, started at {}, never ended",
                run.id.job,
                code_words(*exit_code),
                run.id.attempt,
                run.started
            ),
            Breach::NotCompleted {
                job,
                state,
                exit_code,
            } => write!(
                f,
                "job {job} should have completed, but the store says {state}{}",
                code_words(*exit_code)
            ),
        }
    }
}

/// How many jobs one line of a verdict names; the sub-history has them all.
const NAMED_JOBS_MAX: usize = 20;

fn listed(live: &[LiveRun]) -> String {
    // By id, for the eye; the order of their starts is in the sub-history.
    let mut jobs: Vec<JobId> = live.iter().map(|run| run.id.job).collect();
    jobs.sort_unstable();
    let named: Vec<String> = jobs
        .iter()
        .take(NAMED_JOBS_MAX)
        .map(ToString::to_string)
        .collect();
    match jobs.len().saturating_sub(NAMED_JOBS_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn code_words(exit_code: Option<i32>) -> String {
    exit_code.map_or_else(String::new, |code| format!(" (exit code {code})"))
}

/// `limit 3 of default`, or `limit 3` for a limit without a name.
pub(crate) fn limit_words(max: u32, name: &str) -> String {
    if name.is_empty() {
        format!("limit {max}")
    } else {
        format!("limit {max} of {name}")
    }
}

pub(crate) fn counted(count: usize, thing: &str) -> String {
    if count == 1 {
        format!("1 {thing}")
    } else {
        format!("{count} {thing}s")
    }
}
