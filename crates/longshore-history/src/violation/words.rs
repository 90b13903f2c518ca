//! How a violation reads: one sentence, on one line, naming its place.

use std::fmt;

use super::{Breach, Place, Violation};
use crate::ids::JobId;
use crate::stored::JobState;

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
                listed(live.iter().map(|run| run.id.job))
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
            Breach::AcquiredTwice {
                run,
                workers,
                first,
            } => write!(
                f,
                "{run} was acquired by worker {} at {at}, after worker {} had got it at {first}",
                workers[1], workers[0]
            ),
            Breach::TokenNotRising { run, token, before } => write!(
                f,
                "{run} was given at {at} under token {token}, though its job had token {before} before"
            ),
            Breach::TakenFromTheLiving {
                run,
                worker,
                by,
                taken,
            } => write!(
                f,
                "worker {worker} was told at {at} that it lives, though worker {by} had taken {run} over from it at {taken}"
            ),
            Breach::AcquiredBeyondLimit { queue, limit, live } => write!(
                f,
                "queue {queue} had {} at {at}, though no more than {limit} were allowed: jobs {}",
                counted(live.len(), "lease"),
                listed(live.iter().map(|run| run.job))
            ),
            Breach::TwoJobsOneKey { key, jobs } => write!(
                f,
                "key {key:?} led to job {} at {at}, after it had led to job {}",
                jobs[1], jobs[0]
            ),
            Breach::SettledTwice { job, first } => write!(
                f,
                "job {job} ended a second time at {at}, after its end at {first}, and nobody had asked for a retry"
            ),
            Breach::StaleWrite {
                run,
                verb,
                token,
                newer,
            } => write!(
                f,
                "{verb} of {run} was accepted at {at} under token {token}, after token {newer} had been given"
            ),
            Breach::WriteAfterEnd { run, verb, ended } => write!(
                f,
                "{verb} of {run} was accepted at {at}, after its lease had ended at {ended}"
            ),
            Breach::IllegalMove {
                job,
                verb,
                called,
                possible,
            } => write!(
                f,
                "{verb} of job {job}, called at {called}, succeeded at {at}, though the job can only have been {}",
                states(possible)
            ),
            Breach::StateUnexplained {
                job,
                state,
                possible,
            } => write!(
                f,
                "the store says that job {job} is {state}, though it can only be {}",
                states(possible)
            ),
            Breach::Overtaken {
                queue,
                taken,
                waiting,
                since,
            } => write!(
                f,
                "job {taken} of queue {queue} was taken at {at}, past job {waiting}, which waited ahead of it since {since}"
            ),
            Breach::StartedEarly { run, early_micros } => write!(
                f,
                "{run} was acquired at {at}, {early_micros} µs before it was due"
            ),
            Breach::RetriedTooOften {
                job,
                retries,
                allowed,
            } => write!(
                f,
                "job {job} was put back for retry {retries} at {at}, though its policy allows {allowed}"
            ),
            Breach::RetriedPermanent { run } => write!(
                f,
                "{run} failed for good, and is retried nevertheless at {at}"
            ),
            Breach::DelayOutOfBounds {
                run,
                delay_micros,
                least_micros,
                most_micros,
            } => write!(
                f,
                "{run} is retried after {delay_micros} µs at {at}, though its policy says {least_micros} to {most_micros} µs"
            ),
            Breach::LostTooOften {
                job,
                losses,
                allowed,
            } => write!(
                f,
                "job {job} was put back after loss {losses} at {at}, though the crash budget is {allowed}"
            ),
            Breach::AcquiredWhileDraining {
                worker,
                run,
                drained,
            } => write!(
                f,
                "worker {worker} got {run} at {at}, though it drained since {drained}"
            ),
            Breach::LeftBehind {
                worker,
                run,
                acquired,
            } => write!(
                f,
                "worker {worker} said goodbye at {at} and left {run} behind, acquired at {acquired} and never launched"
            ),
            Breach::HeartbeatStopped {
                worker,
                run,
                gap_millis,
                ttl_millis,
            } => write!(
                f,
                "worker {worker} ended {run} at {at}, {gap_millis} ms after its last heartbeat, with {ttl_millis} ms to live on each"
            ),
            Breach::CountsDisagree { what, figures } => write!(
                f,
                "at rest at {at} two counts differ, {what}: {} and {}",
                figures[0], figures[1]
            ),
            Breach::NothingStarted { queue, ready } => write!(
                f,
                "{} of queue {queue} ready at {at} with room for them, and none runs",
                counted(usize::try_from(*ready).unwrap_or(usize::MAX), "job")
            ),
            Breach::TooManyFailures { failures, allowed } => write!(
                f,
                "{failures} calls failed by the system's fault, at most {allowed} may"
            ),
            Breach::RoomLeft {
                queue,
                ready,
                live,
                limit,
            } => write!(
                f,
                "{ready} jobs of queue {queue} were ready at {at}, with only {live} live{}",
                limit.map_or_else(String::new, |limit| format!(" under limit {limit}"))
            ),
        }
    }
}

/// How many jobs one line of a verdict names; the sub-history has them all.
const NAMED_JOBS_MAX: usize = 20;

fn listed(jobs: impl Iterator<Item = JobId>) -> String {
    // By id, for the eye; the order of their starts is in the sub-history.
    let mut jobs: Vec<JobId> = jobs.collect();
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

fn states(states: &[JobState]) -> String {
    match states {
        [] => "absent".to_owned(),
        states => {
            let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
            names.join(" or ")
        }
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
