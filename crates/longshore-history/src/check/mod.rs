//! The checker: holds a history against an expectation.
//!
//! A plan of passes, each near-linear in the history and each blind to the
//! others: pair the marks to runs, judge each line, sweep the limits, judge the
//! store's answers, judge what is missing at the end. All findings are counted,
//! and the earliest is kept. Only a history without findings is asked whether it
//! tested anything.
//!
//! The module must never stop at a first finding of one pass (another pass may
//! know an earlier one), and never count a run as live without proof.

mod answers;
mod doubts;
mod endings;
mod findings;
mod limits;
mod runs;
mod starts;

use std::collections::BTreeSet;

use crate::event::{Event, Source};
use crate::expectation::{Expectation, ExpectedJob, ExpectedRuns};
use crate::ids::{JobId, RunId};
use crate::verdict::{Summary, Verdict};
use crate::violation::Breach;
use crate::witness::Witness;

use findings::Findings;
use runs::Runs;

/// Judges what the jobs recorded against what was expected of them.
///
/// The time is near-linear in the lines of the witness, times the limits that a
/// job is in.
pub fn check(witness: &Witness, expectation: &Expectation) -> Verdict {
    let events = witness.events();
    let runs = Runs::pair(events);

    let mut findings = Findings::default();
    starts::judge(&runs, expectation, &mut findings);
    let limits = limits::judge(&runs, expectation, &mut findings);
    answers::judge(expectation, &mut findings);
    // An empty witness lacks every run, and is no proof that one is missing.
    if !witness.is_empty() {
        endings::judge(&runs, expectation, &mut findings);
    }

    if let Some((violation, all_counts)) = findings.into_earliest() {
        let sub_history = sub_history(events, &violation.breach);
        return Verdict::Violated {
            violation,
            sub_history,
            all_counts,
        };
    }
    if let Some(why) = doubts::of_clean_history(witness, &runs, expectation, &limits) {
        return Verdict::Unknown { why };
    }
    let once = |expected: &ExpectedJob| expected.runs == ExpectedRuns::ONCE;
    Verdict::Passed {
        summary: Summary {
            jobs: expectation.jobs.len(),
            runs: runs.all().len(),
            each_once: expectation.jobs.values().all(once),
            limits,
        },
    }
}

/// The events that matter to a breach: those of the runs that were live
/// together, or all of the one job.
fn sub_history(events: &[Event], breach: &Breach) -> Vec<Event> {
    let matters: Box<dyn Fn(RunId) -> bool> = match breach {
        Breach::LimitExceeded { live, .. } => {
            let live: BTreeSet<RunId> = live.iter().map(|run| run.id).collect();
            Box::new(move |run| live.contains(&run))
        }
        Breach::RanUnacquired { run }
        | Breach::StartedTwice { run, .. }
        | Breach::AttemptsOverlap { run, .. }
        | Breach::UnknownJob { run }
        | Breach::RestartedAfterEnd { run, .. }
        | Breach::EndWithoutStart { run }
        | Breach::EndedTwice { run, .. } => of_job(run.job),
        Breach::EndLost { run, .. } => of_job(run.id.job),
        Breach::RanTooOften { job, .. }
        | Breach::MissingFromStore { job }
        | Breach::CompletedUnseen { job, .. }
        | Breach::NeverStarted { job, .. }
        | Breach::RanTooSeldom { job, .. }
        | Breach::NotCompleted { job, .. } => of_job(*job),
    };
    events
        .iter()
        .filter(|event| match &event.source {
            Source::Witness(line) => matters(line.run),
        })
        .cloned()
        .collect()
}

fn of_job(job: JobId) -> Box<dyn Fn(RunId) -> bool> {
    Box::new(move |run| run.job == job)
}
