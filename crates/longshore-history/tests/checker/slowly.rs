//! Random histories of the store's calls, against slow and obviously right ways to judge them.
//!
//! A world of workers takes jobs from one queue, sometimes beyond its limit and sometimes out of
//! order; each call takes effect at one moment between its two lines. What the checker may say is
//! then known: a right world is never accused, and what certainly went wrong is always found.

use longshore_history::store::{Answer, Call, Failure, FinishWord, Finished, Leased, Then};
use longshore_history::{BreachKind, Counts, Expectation, Verdict};
use proptest::prelude::*;

use crate::recorded::{Open, Script, asks, finish, lease, limit_change, plain, submission};

/// What a world may do wrong.
#[derive(Clone, Copy)]
struct Faults {
    limit: bool,
    order: bool,
}

/// A call that is open, and whether it has taken effect.
enum Pending {
    Submit {
        open: Open,
        job: i64,
        answer: Answer,
    },
    Acquire {
        open: Open,
        taken: Option<Vec<Leased>>,
    },
    Finish {
        open: Open,
        lease: Leased,
        done: bool,
    },
    Limit {
        open: Open,
        limit: u32,
        done: bool,
    },
}

struct World {
    script: Script,
    faults: Faults,
    limit: u32,
    next_job: i64,
    /// In the order of their places.
    waiting: Vec<i64>,
    live: Vec<Leased>,
    pending: Vec<Pending>,
    /// What the slow ways look at: lines, as the script has them.
    takes: Vec<Take>,
    limits: Vec<(usize, usize, u32)>,
    submits: Vec<(i64, usize, usize)>,
    ends: Vec<(i64, usize)>,
}

/// An acquisition's lines, and what it took.
struct Take {
    called: usize,
    answered: usize,
    jobs: Vec<i64>,
}

impl World {
    fn new(limit: u32, faults: Faults) -> Self {
        Self {
            script: Script::with_queue(Some(limit)),
            faults,
            limit,
            next_job: 1,
            waiting: Vec::new(),
            live: Vec::new(),
            pending: Vec::new(),
            takes: Vec::new(),
            limits: vec![(0, 0, limit)],
            submits: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn step(&mut self, choice: u16) {
        let which = usize::from(choice / 16);
        match choice % 16 {
            0..3 => self.call_submit(),
            3..5 => self.call_acquire(),
            5..7 => self.call_finish(which),
            7 => self.call_limit(1 + u32::from(choice / 16) % 4),
            8..12 => self.take_effect(which),
            _ => self.answer(which),
        }
    }

    fn call_submit(&mut self) {
        let job = self.next_job;
        self.next_job += 1;
        let (call, answer) = submission(job, plain());
        let open = self.script.call(call);
        self.submits.push((job, self.script.lines(), usize::MAX));
        self.pending.push(Pending::Submit { open, job, answer });
        // Its place is drawn somewhere in between: here, at once.
        self.waiting.push(job);
    }

    fn call_acquire(&mut self) {
        let open = self.script.call(asks(1));
        self.takes.push(Take {
            called: self.script.lines(),
            answered: usize::MAX,
            jobs: Vec::new(),
        });
        self.pending.push(Pending::Acquire { open, taken: None });
    }

    fn call_finish(&mut self, which: usize) {
        if self.live.is_empty() {
            return;
        }
        let lease = self.live[which % self.live.len()].clone();
        if self.ends.iter().any(|(job, _)| *job == lease.job.0) {
            return;
        }
        let open = self
            .script
            .call(Call::Finish(vec![finish(&lease, Then::Failed)]));
        self.ends.push((lease.job.0, self.script.lines()));
        self.pending.push(Pending::Finish {
            open,
            lease,
            done: false,
        });
    }

    fn call_limit(&mut self, limit: u32) {
        // One at a time: changes lock the queue's row.
        if self
            .pending
            .iter()
            .any(|p| matches!(p, Pending::Limit { .. }))
        {
            return;
        }
        let open = self.script.call(limit_change(Some(limit)));
        self.limits.push((self.script.lines(), usize::MAX, limit));
        self.pending.push(Pending::Limit {
            open,
            limit,
            done: false,
        });
    }

    fn take_effect(&mut self, which: usize) {
        if self.pending.is_empty() {
            return;
        }
        let which = which % self.pending.len();
        let (live, limit) = (self.live.len(), self.limit as usize);
        match &mut self.pending[which] {
            Pending::Acquire { taken, .. } if taken.is_none() => {
                let room = if self.faults.limit {
                    2
                } else {
                    limit.saturating_sub(live).min(2)
                };
                let mut leases = Vec::new();
                for _ in 0..room {
                    if self.waiting.is_empty() {
                        break;
                    }
                    let at = if self.faults.order {
                        self.waiting.len() - 1
                    } else {
                        0
                    };
                    let job = self.waiting.remove(at);
                    leases.push(lease(job, 1, job));
                }
                self.live.extend(leases.iter().cloned());
                *taken = Some(leases);
            }
            Pending::Finish { lease, done, .. } if !*done => {
                *done = true;
                let job = lease.job;
                self.live.retain(|live| live.job != job);
            }
            Pending::Limit { limit, done, .. } if !*done => {
                *done = true;
                self.limit = *limit;
            }
            _ => {}
        }
    }

    fn answer(&mut self, which: usize) {
        if self.pending.is_empty() {
            return;
        }
        let which = which % self.pending.len();
        // Whatever has not taken effect yet does so now.
        self.take_effect(which);
        match self.pending.remove(which) {
            Pending::Submit { open, job, answer } => {
                let line = self.script.answer(open, answer);
                let submit = self.submits.iter_mut().find(|(id, ..)| *id == job);
                submit.expect("it was called").2 = line;
            }
            Pending::Acquire { open, taken } => {
                let taken = taken.expect("it has taken effect");
                let jobs = taken.iter().map(|lease| lease.job.0).collect();
                let called = self.script.called_at(open);
                let answered = self.script.answer(open, Answer::Acquire(taken));
                let take = self.takes.iter_mut().find(|take| take.called == called);
                let take = take.expect("it was called");
                (take.answered, take.jobs) = (answered, jobs);
            }
            Pending::Finish { open, .. } => {
                let outcome = FinishWord::Finished;
                self.script
                    .answer(open, Answer::Finish(vec![Finished { outcome }]));
            }
            Pending::Limit { open, limit, .. } => {
                let fact = crate::recorded::fact(Some(limit));
                let line = self.script.answer(open, Answer::ChangeQueue(fact));
                self.limits.last_mut().expect("it was called").1 = line;
            }
        }
    }

    fn run(mut self, choices: &[u16]) -> Self {
        for &choice in choices {
            self.step(choice);
        }
        while !self.pending.is_empty() {
            self.answer(0);
        }
        self
    }

    fn counts(&self) -> Counts {
        match self.script.verdict(&Expectation::default()) {
            Verdict::Violated { all_counts, .. } => all_counts,
            Verdict::Passed { .. } | Verdict::Unknown { .. } => Counts::default(),
        }
    }

    fn take_of(&self, job: i64) -> Option<&Take> {
        self.takes.iter().find(|take| take.jobs.contains(&job))
    }

    /// S3 from the definition: at each answer, all leases that are certain; the last of them was
    /// taken no earlier than the latest CALL, under a limit that may have been in force since.
    fn slowly_beyond_limit(&self) -> u64 {
        let answered = self.takes.iter().filter(|take| !take.jobs.is_empty());
        let beyond = answered.filter(|take| {
            let now = take.answered;
            let is_live = |job: i64| {
                let end = self.ends.iter().find(|(ended, _)| *ended == job);
                end.is_none_or(|(_, called)| *called > now)
            };
            let live: Vec<(&Take, i64)> = self
                .takes
                .iter()
                .filter(|other| other.answered <= now)
                .flat_map(|other| other.jobs.iter().map(move |job| (other, *job)))
                .filter(|(_, job)| is_live(*job))
                .collect();
            let lasts = live.iter().any(|(other, _)| other.called == take.called);
            let latest = live
                .iter()
                .map(|(other, _)| other.called)
                .max()
                .unwrap_or(0);
            lasts && live.len() > self.slowly_largest_limit(latest, now) as usize
        });
        beyond.count() as u64
    }

    fn slowly_largest_limit(&self, from: usize, to: usize) -> u32 {
        let possible = self.limits.iter().filter(|(called, answered, _)| {
            // No other change that came after it was answered before the stretch.
            let replaced = self
                .limits
                .iter()
                .any(|(later, done, _)| later > answered && *done <= from);
            *called < to && !replaced
        });
        possible
            .map(|(.., limit)| *limit)
            .max()
            .expect("the first is there")
    }

    /// S7 from the definition: some job certainly waited over the whole call, ahead of one taken.
    fn slowly_overtaken(&self) -> u64 {
        let overtakes = self.takes.iter().filter(|take| {
            take.jobs.iter().any(|taken| {
                let put = self.submits.iter().find(|(job, ..)| job == taken);
                let put = put.expect("it was submitted").1;
                self.submits.iter().any(|(job, _, answered)| {
                    let until = self.take_of(*job).map_or(usize::MAX, |take| take.called);
                    *answered < take.called && until > take.answered && *answered < put
                })
            })
        });
        overtakes.count() as u64
    }
}

fn choices() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 120)
}

proptest! {
    #[test]
    fn a_right_world_is_never_accused(limit in 1..4_u32, choices in choices()) {
        let faults = Faults { limit: false, order: false };
        let world = World::new(limit, faults).run(&choices);
        let verdict = world.script.verdict(&Expectation::default());
        prop_assert!(verdict.is_passed(), "{}\n{}", verdict, world.script.text());
        prop_assert_eq!(world.slowly_beyond_limit(), 0);
        prop_assert_eq!(world.slowly_overtaken(), 0);
    }

    #[test]
    fn limits_are_judged_as_by_the_slow_way(limit in 1..4_u32, choices in choices()) {
        let faults = Faults { limit: true, order: false };
        let world = World::new(limit, faults).run(&choices);
        let found = world.counts().of(BreachKind::AcquiredBeyondLimit);
        prop_assert_eq!(found, world.slowly_beyond_limit(), "{}", world.script.text());
    }

    #[test]
    fn the_order_is_judged_as_by_the_slow_way(limit in 1..4_u32, choices in choices()) {
        let faults = Faults { limit: false, order: true };
        let world = World::new(limit, faults).run(&choices);
        let found = world.counts().of(BreachKind::Overtaken);
        prop_assert_eq!(found, world.slowly_overtaken(), "{}", world.script.text());
    }

    /// Cut anywhere, and with answers that were lost, a right world is right still.
    #[test]
    fn a_right_world_that_is_cut_off_is_never_accused(
        limit in 1..4_u32, choices in choices(), cut: prop::sample::Index, lost: prop::sample::Index,
    ) {
        let faults = Faults { limit: false, order: false };
        let world = World::new(limit, faults).run(&choices);
        let script = world.script.losing(lost, Failure::Unavailable).cut(cut);
        let verdict = script.verdict(&Expectation::default());
        let accused = matches!(verdict, Verdict::Violated { .. });
        prop_assert!(!accused, "{}\n{}", verdict, script.text());
    }
}
