//! The checker: holds a history against an expectation.
//!
//! A plan of passes, each near-linear in the history and each blind to the
//! others: pair the marks to runs, judge each line, sweep the limits, judge the
//! store's answers, judge what is missing at the end; and over the store's calls
//! one pass for each promise. All findings are counted, and the earliest is kept.
//! Only a history without findings is asked whether it tested anything.
//!
//! The module must never stop at a first finding of one pass (another pass may
//! know an earlier one), and never count a run as live without proof.

mod acquired;
mod answers;
mod arrows;
mod doubts;
mod drains;
mod due;
mod endings;
mod findings;
mod holders;
mod leases;
mod ledger;
mod limits;
mod once;
mod order;
mod queue_limits;
mod rest;
mod retries;
mod runs;
mod stale;
mod starts;
mod states;
mod taken;

use std::collections::BTreeSet;

use crate::event::{Event, Position, Source};
use crate::expectation::{Expectation, ExpectedJob, ExpectedRuns};
use crate::ids::{JobId, RunId};
use crate::verdict::{Summary, Verdict};
use crate::violation::Breach;
use crate::witness::Witness;

use doubts::Seen;
use findings::{Findings, Found};
use ledger::Ledger;
use queue_limits::QueueLimits;
use runs::Runs;

/// Judges what the jobs recorded, and what was recorded of the store, against
/// what was expected of them.
///
/// The time is near-linear in the lines of the witness, times the limits that a
/// job is in.
pub fn check(witness: &Witness, expectation: &Expectation) -> Verdict {
    let events = witness.events();
    let runs = Runs::pair(events);
    let ledger = Ledger::of(events);
    let queues = QueueLimits::of(&ledger, &expectation.limits);

    let mut findings = Findings::default();
    starts::judge(&runs, expectation, &mut findings);
    let mut limits = limits::judge(&runs, expectation, &queues, &mut findings);
    answers::judge(expectation, &mut findings);
    // An empty witness lacks every run, and is no proof that one is missing.
    if !witness.is_empty() {
        endings::judge(&runs, expectation, &mut findings);
    }

    acquired::judge(&ledger, &mut findings);
    taken::judge(&ledger, &mut findings);
    let most_leases = leases::judge(&ledger, &queues, &mut findings);
    once::judge(&ledger, expectation, &mut findings);
    stale::judge(&ledger, &mut findings);
    let replay = arrows::judge(&ledger, expectation, &mut findings);
    let somebody_waited = order::judge(&ledger, &mut findings);
    due::judge(&ledger, expectation, &mut findings);
    retries::judge(&ledger, &mut findings);
    drains::judge(&ledger, &mut findings);
    rest::judge(&ledger, &replay, expectation, &mut findings);
    rest::judge_failures(events, expectation, &mut findings);

    if let Some((Found { violation, proof }, all_counts)) = findings.into_earliest() {
        let sub_history = if proof.is_empty() {
            sub_history(events, &violation.breach)
        } else {
            at_lines(events, proof)
        };
        return Verdict::Violated {
            violation,
            sub_history,
            all_counts,
        };
    }
    if witness.is_empty() {
        // No job wrote of its life: leases are all that shows how far a limit was used.
        for (limit, used) in expectation.limits.iter().zip(&mut limits) {
            let leases = limit.queue.and_then(|queue| most_leases.get(&queue));
            used.most_live = used.most_live.max(leases.copied().unwrap_or(0));
        }
    }
    let seen = Seen {
        runs: &runs,
        ledger: &ledger,
        replay: &replay,
        limits: &limits,
        somebody_waited,
    };
    if let Some(why) = doubts::of_clean_history(witness, &seen, expectation) {
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

/// The events at these lines, in order.
fn at_lines(events: &[Event], mut lines: Vec<Position>) -> Vec<Event> {
    lines.sort_unstable();
    lines.dedup();
    let at = |line: &Position| events.get(line.line().checked_sub(1)?);
    lines.iter().filter_map(at).cloned().collect()
}

/// The events that matter to a breach that the jobs' own lines prove: those of the runs that were live
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
        // Proved by lines of the store, which come with them.
        Breach::AcquiredTwice { .. }
        | Breach::TokenNotRising { .. }
        | Breach::TakenFromTheLiving { .. }
        | Breach::AcquiredBeyondLimit { .. }
        | Breach::TwoJobsOneKey { .. }
        | Breach::SettledTwice { .. }
        | Breach::StaleWrite { .. }
        | Breach::WriteAfterEnd { .. }
        | Breach::IllegalMove { .. }
        | Breach::StateUnexplained { .. }
        | Breach::Overtaken { .. }
        | Breach::StartedEarly { .. }
        | Breach::RetriedTooOften { .. }
        | Breach::RetriedPermanent { .. }
        | Breach::DelayOutOfBounds { .. }
        | Breach::LostTooOften { .. }
        | Breach::AcquiredWhileDraining { .. }
        | Breach::LeftBehind { .. }
        | Breach::HeartbeatStopped { .. }
        | Breach::CountsDisagree { .. }
        | Breach::NothingStarted { .. }
        | Breach::TooManyFailures { .. }
        | Breach::RoomLeft { .. } => Box::new(|_| false),
    };
    events
        .iter()
        .filter(|event| match &event.source {
            Source::Witness(line) => matters(line.run),
            Source::Store(_) => false,
        })
        .cloned()
        .collect()
}

fn of_job(job: JobId) -> Box<dyn Fn(RunId) -> bool> {
    Box::new(move |run| run.job == job)
}
