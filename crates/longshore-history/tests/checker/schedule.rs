//! Random histories of a system that keeps its promises, and a slow, obviously
//! right way to see what was live in any history.

use longshore_history::{
    Expectation, ExpectedEnd, ExpectedRuns, JobId, Mark, RunId, Who, Witness, WitnessLine,
};
use proptest::prelude::*;

use crate::support::{completed, limit, run};

pub type Step = (Mark, RunId);

/// A history of jobs 1 to `jobs` that never had more than `max` live.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub jobs: i64,
    pub max: u32,
    pub steps: Vec<Step>,
}

/// The attempts that a job may lose before the world lets it be.
const KILLS_MAX: u32 = 3;

impl Schedule {
    /// Every job runs once, and ends.
    pub fn without_kills() -> impl Strategy<Value = Self> {
        Self::strategy(false)
    }

    /// Attempts are killed at any point of their life, then followed by another.
    pub fn with_kills() -> impl Strategy<Value = Self> {
        Self::strategy(true)
    }

    fn strategy(kills: bool) -> impl Strategy<Value = Self> {
        (
            1..6_u32,
            1..25_i64,
            prop::collection::vec(any::<u16>(), 300),
        )
            .prop_map(move |(max, more, choices)| {
                let jobs = i64::from(max) + more;
                let steps = World::new(jobs, max, kills).run(&choices);
                Self { jobs, max, steps }
            })
    }

    pub fn witness(&self) -> Witness {
        let who = Who::new("pid-7").expect("printable");
        let line = |(&(mark, run), nanos)| WitnessLine {
            mark,
            run,
            nanos,
            who: who.clone(),
        };
        self.steps.iter().zip(1..).map(line).collect()
    }

    /// Each job once, under the limit, all completed.
    pub fn expectation(&self) -> Expectation {
        completed(1..=self.jobs).with_limit(limit(self.max, 1..=self.jobs))
    }

    /// The same, with the runs that killed attempts explain.
    pub fn expectation_with_kills(&self) -> Expectation {
        let runs = ExpectedRuns {
            at_least: 1,
            at_most: 1 + KILLS_MAX,
        };
        (1..=self.jobs).fold(self.expectation(), |expectation, job| {
            expectation.with_job(JobId(job), runs, ExpectedEnd::Completed)
        })
    }

    /// The indexes of all steps with this mark.
    pub fn places(&self, wanted: Mark) -> Vec<usize> {
        (0..self.steps.len())
            .filter(|&index| self.steps[index].0 == wanted)
            .collect()
    }

    /// The END that belongs to the START at `start`: the attempt's next mark, if
    /// that is an END.
    pub fn end_of(&self, start: usize) -> Option<usize> {
        let id = self.steps[start].1;
        (start + 1..self.steps.len())
            .find(|&index| self.steps[index].1 == id)
            .filter(|&index| self.steps[index].0 == Mark::End)
    }

    /// The runs live at a step, straight from the definition.
    pub fn live_at(&self, at: usize) -> Vec<RunId> {
        let is_live =
            |&start: &usize| start == at || self.end_of(start).is_some_and(|end| at < end);
        self.places(Mark::Start)
            .into_iter()
            .filter(|&start| start <= at)
            .filter(is_live)
            .map(|start| self.steps[start].1)
            .collect()
    }
}

/// A system that keeps its promises, and jobs that write to the witness: after
/// they begin, and before they end.
struct World {
    waiting: Vec<RunId>,
    live: Vec<(RunId, Life)>,
    max: usize,
    kills: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Copy)]
enum Life {
    Begun,
    WroteStart,
    WroteEnd,
}

impl World {
    fn new(jobs: i64, max: u32, kills: bool) -> Self {
        Self {
            waiting: (1..=jobs).rev().map(|job| run(job, 1)).collect(),
            live: Vec::new(),
            max: max as usize,
            kills,
            steps: Vec::new(),
        }
    }

    /// Follows the choices, then goes straight on to the end.
    fn run(mut self, choices: &[u16]) -> Vec<Step> {
        for &choice in choices {
            let (action, which) = (choice % 8, usize::from(choice / 8));
            match action {
                0 if self.kills => self.kill(which),
                0..4 => self.begin(),
                _ => self.advance(which),
            }
        }
        while !(self.waiting.is_empty() && self.live.is_empty()) {
            self.begin();
            self.advance(0);
        }
        self.steps
    }

    fn begin(&mut self) {
        if self.live.len() < self.max
            && let Some(next) = self.waiting.pop()
        {
            self.live.push((next, Life::Begun));
        }
    }

    fn advance(&mut self, which: usize) {
        if self.live.is_empty() {
            return;
        }
        let which = which % self.live.len();
        let (id, life) = self.live[which];
        match life {
            Life::Begun => {
                self.steps.push((Mark::Start, id));
                self.live[which].1 = Life::WroteStart;
            }
            Life::WroteStart => {
                self.steps.push((Mark::End, id));
                self.live[which].1 = Life::WroteEnd;
            }
            Life::WroteEnd => {
                self.live.remove(which);
            }
        }
    }

    fn kill(&mut self, which: usize) {
        if self.live.is_empty() {
            return;
        }
        let which = which % self.live.len();
        let (id, _) = self.live[which];
        if id.attempt.0 <= KILLS_MAX {
            self.live.remove(which);
            self.waiting.push(run(id.job.0, id.attempt.0 + 1));
        }
    }
}
