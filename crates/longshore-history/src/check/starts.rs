//! What a single line can break: S1, S2, and the part of S4 that says "once".

use std::collections::BTreeSet;

use super::findings::Findings;
use super::runs::{Before, PairedMark, Run, RunIndex, Runs};
use crate::event::Position;
use crate::expectation::Expectation;
use crate::ids::{JobId, RunId};
use crate::violation::{Breach, BreachKind, Place};

pub(super) fn judge(runs: &Runs, expectation: &Expectation, findings: &mut Findings) {
    // Runs with an END still to come, by job. An attempt is in it once at most:
    // of two STARTs only the later can have an END.
    let mut live: BTreeSet<(JobId, RunIndex)> = BTreeSet::new();
    for mark in runs.marks() {
        match *mark {
            PairedMark::Start { run: index, before } => {
                let run = runs.run(index);
                judge_job(run.id, run.start, expectation, findings);
                judge_repeated_start(run, before, findings);
                judge_number_of_runs(run, expectation, findings);
                let same_job = (run.id.job, 0)..=(run.id.job, RunIndex::MAX);
                if let Some(&(_, other)) = live.range(same_job).next() {
                    let kind = BreachKind::AttemptsOverlap;
                    findings.note(Place::Line(run.start), kind, || Breach::AttemptsOverlap {
                        run: run.id,
                        live: runs.run(other).as_live(),
                    });
                }
                if run.end.is_some() {
                    live.insert((run.id.job, index));
                }
            }
            PairedMark::End { run } => {
                live.remove(&(runs.run(run).id.job, run));
            }
            PairedMark::StrayEnd {
                id,
                at,
                ended_before,
            } => {
                judge_job(id, at, expectation, findings);
                judge_stray_end(id, at, ended_before, findings);
            }
        }
    }
}

/// May this job be in the history at all?
fn judge_job(run: RunId, at: Position, expectation: &Expectation, findings: &mut Findings) {
    let at = Place::Line(at);
    if !expectation.jobs.contains_key(&run.job) {
        findings.note(at, BreachKind::UnknownJob, || Breach::UnknownJob { run });
    }
    let stored = expectation.stored_job(run.job);
    if stored.is_some_and(|stored| !stored.ever_acquired) {
        let kind = BreachKind::RanUnacquired;
        findings.note(at, kind, || Breach::RanUnacquired { run });
    }
}

/// May this attempt start here?
fn judge_repeated_start(run: &Run, before: Before, findings: &mut Findings) {
    let at = Place::Line(run.start);
    match before {
        Before::Unseen => {}
        Before::Started(first) => {
            findings.note(at, BreachKind::StartedTwice, || Breach::StartedTwice {
                run: run.id,
                first,
            });
        }
        Before::Ended(ended) => {
            let kind = BreachKind::RestartedAfterEnd;
            findings.note(at, kind, || Breach::RestartedAfterEnd {
                run: run.id,
                ended,
            });
        }
    }
}

/// May this job run once more?
fn judge_number_of_runs(run: &Run, expectation: &Expectation, findings: &mut Findings) {
    let Some(expected) = expectation.jobs.get(&run.id.job) else {
        return; // an unknown job, noted as such
    };
    let at_most = expected.runs.at_most;
    if run.nth > at_most {
        let at = Place::Line(run.start);
        findings.note(at, BreachKind::RanTooOften, || Breach::RanTooOften {
            job: run.id.job,
            runs: run.nth,
            at_most,
        });
    }
}

fn judge_stray_end(
    run: RunId,
    at: Position,
    ended_before: Option<Position>,
    findings: &mut Findings,
) {
    let at = Place::Line(at);
    if let Some(first) = ended_before {
        findings.note(at, BreachKind::EndedTwice, || Breach::EndedTwice {
            run,
            first,
        });
    } else {
        let kind = BreachKind::EndWithoutStart;
        findings.note(at, kind, || Breach::EndWithoutStart { run });
    }
}
