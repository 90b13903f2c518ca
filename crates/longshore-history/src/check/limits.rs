//! S3: how many runs each limit had live at each instant.
//!
//! A sweep in the order of the history. A count can only grow at a START, so
//! these are the instants to look at.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::queue_limits::QueueLimits;
use super::runs::{PairedMark, Run, Runs};
use crate::event::Position;
use crate::expectation::{Expectation, Limit};
use crate::ids::JobId;
use crate::verdict::LimitUse;
use crate::violation::{Breach, BreachKind, Place};

/// Notes every START beyond a limit, and returns how far each was used.
pub(super) fn judge(
    runs: &Runs,
    expectation: &Expectation,
    queues: &QueueLimits,
    findings: &mut Findings,
) -> Vec<LimitUse> {
    let tallies = expectation.limits.iter();
    let mut tallies: Vec<Tally<'_>> = tallies.map(|limit| Tally::new(limit, queues)).collect();
    let limits_of_job = limits_of_job(&expectation.limits);
    for mark in runs.marks() {
        let (run, starts) = match *mark {
            PairedMark::Start { run, .. } => (runs.run(run), true),
            PairedMark::End { run } => (runs.run(run), false),
            PairedMark::StrayEnd { .. } => continue,
        };
        for &limit in limits_of_job.get(&run.id.job).into_iter().flatten() {
            let tally = &mut tallies[limit];
            if starts {
                tally.start(run, runs, findings);
            } else {
                tally.live -= 1;
            }
        }
    }
    tallies.into_iter().map(Tally::into_use).collect()
}

/// One limit during the sweep.
struct Tally<'a> {
    limit: &'a Limit,
    queues: &'a QueueLimits,
    /// Runs that started and whose END is still to come.
    live: usize,
    most_live: usize,
}

impl<'a> Tally<'a> {
    fn new(limit: &'a Limit, queues: &'a QueueLimits) -> Self {
        Self {
            limit,
            queues,
            live: 0,
            most_live: 0,
        }
    }

    fn start(&mut self, run: &Run, runs: &Runs, findings: &mut Findings) {
        let live_now = self.live + 1;
        self.most_live = self.most_live.max(live_now);
        let max = self.max_until(run.start);
        if u32::try_from(live_now).map_or(true, |live| live > max) {
            let at = Place::Line(run.start);
            findings.note(at, BreachKind::LimitExceeded, || {
                self.breach(max, runs, run.start)
            });
        }
        // Without an END nothing shows that it lived past its START.
        if run.end.is_some() {
            self.live = live_now;
        }
    }

    /// What it allowed at most until a line: a job that was acquired under a
    /// larger limit may start under a smaller one.
    fn max_until(&self, at: Position) -> u32 {
        let Some(queue) = self.limit.queue else {
            return self.limit.max;
        };
        let largest = self.queues.largest(queue, Position::of_line(0), at);
        largest.unwrap_or(u32::MAX)
    }

    fn breach(&self, max: u32, runs: &Runs, at: Position) -> Breach {
        let Limit { name, jobs, .. } = self.limit;
        Breach::LimitExceeded {
            limit: name.clone(),
            max,
            live: runs
                .all()
                .iter()
                .filter(|run| run.is_live_at(at) && jobs.contains(&run.id.job))
                .map(Run::as_live)
                .collect(),
        }
    }

    fn into_use(self) -> LimitUse {
        LimitUse {
            name: self.limit.name.clone(),
            max: self.limit.max,
            most_live: self.most_live,
        }
    }
}

/// The limits that hold each job, by their index.
fn limits_of_job(limits: &[Limit]) -> BTreeMap<JobId, Vec<usize>> {
    let mut of_job: BTreeMap<JobId, Vec<usize>> = BTreeMap::new();
    for (index, limit) in limits.iter().enumerate() {
        for &job in &limit.jobs {
            of_job.entry(job).or_default().push(index);
        }
    }
    of_job
}
