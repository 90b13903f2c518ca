//! Real worker processes judged by the whole checker. No recorder stands between them and the store,
//! so the history is put together of what the test itself asked of the store, what the tables keep of
//! every attempt (`longshore_testkit::recording::tables`), and the jobs' own lines.
//!
//! The jobs' lines keep their own order and stand behind the tables': nothing is said of how a job's
//! clock and the database's go together, and nothing is judged by it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use longshore::{JobId, Priority, Timestamp};
use longshore_core::store::{Registry as _, Store as _};
use longshore_history::{self as history, Arrow, Exercise, Expectation, JobState, Verdict};
use longshore_testkit::judged::{Judged, conclude, exercised, holds};
use longshore_testkit::recording::tables::{self, Kept};
use longshore_testkit::recording::{Journal, Recording};

use crate::changing_limits::judgement;
use crate::ledger;
use crate::scene::Scene;
use crate::stored;
use crate::workplace::{QUEUE, finish, make_queue, submit, worker};

on_both_stores!(worker_processes_keep_what_their_tables_and_their_jobs_show);

const LIMIT: u32 = 3;
const WORKERS: usize = 4;
const WAITING: usize = 36;
const SCHEDULED: usize = 4;

/// What the four processes did, in three parts, so that a test can change one.
struct History {
    before: String,
    kept: Vec<Kept>,
    witness: String,
    after: String,
    expectation: Expectation,
}

impl History {
    fn verdict(&self) -> Verdict {
        let told = tables::tell(&self.kept).expect("no job was retried");
        let (before, witness, after) = (&self.before, &self.witness, &self.after);
        let text = format!("{before}{told}{witness}{after}");
        let read = history::Witness::parse(&text).expect("whole lines");
        history::check(&read, &self.expectation)
    }

    /// How many workers had work.
    fn workers(&self) -> usize {
        let attempts = self.kept.iter().flat_map(|kept| &kept.detail.attempts_made);
        let workers: BTreeSet<_> = attempts.map(|attempt| attempt.worker).collect();
        workers.len()
    }
}

/// Forty jobs of three priorities and, ahead of them once they are due, four scheduled ones; four
/// processes with two slots each under a limit of three.
async fn worker_processes_keep_what_their_tables_and_their_jobs_show(scene: Scene) {
    let history = run(&scene).await;
    let judged = judgement(&history.verdict()).and(|| {
        exercised(history.workers() > 1, || {
            "one worker had all the work".to_owned()
        })
    });
    conclude(&judged.and(|| what_it_would_have_caught(history)));
}

async fn run(scene: &Scene) -> History {
    let journal = Arc::new(Journal::in_memory());
    let store = Recording::new(scene.store().await, Arc::clone(&journal));
    store.note_queues().await.expect("the store answers");
    make_queue(&store, Some(LIMIT)).await;
    let due = store.now().await.expect("a time") + Duration::from_secs(2);
    // One by one: so it is certain which was queued first.
    let mut jobs = Vec::new();
    for nth in 0..WAITING {
        jobs.extend(submit(&store, [job(scene, [20, 50, 80][nth % 3], None)]).await);
    }
    for _ in 0..SCHEDULED {
        jobs.extend(submit(&store, [job(scene, 100, Some(due))]).await);
    }
    let before = journal.text();
    let workers = (0..WORKERS).map(|_| worker(scene, &["--until-empty", "--max-concurrent", "2"]));
    finish(workers.collect()).await;
    let kept = tables::read(&store, &jobs).await.expect("they are there");
    store.look_at_rest(true).await.expect("a look");
    let after = journal.text()[before.len()..].to_owned();
    let expectation = expectation(&store, &jobs).await;
    store.close().await;
    History {
        before,
        kept,
        witness: scene.witnessed(),
        after,
        expectation,
    }
}

fn job(scene: &Scene, priority: i64, due: Option<Timestamp>) -> longshore::JobSpec {
    longshore::JobSpec {
        priority: Priority::new(priority).expect("a priority"),
        scheduled_for: due,
        ..scene.witnessing_job(QUEUE, LIMIT)
    }
}

async fn expectation(store: &Recording, jobs: &[JobId]) -> Expectation {
    let queue = store.queue(QUEUE).await.expect("it was made").id;
    let details = ledger::read(store, jobs).await;
    let ids = jobs.iter().map(|job| history::JobId(job.0));
    let limit = history::Limit {
        name: format!("queue {QUEUE}"),
        max: LIMIT,
        jobs: ids.clone().collect(),
        must_reach: true,
        queue: Some(history::QueueId(queue.0)),
    };
    let arrow = Arrow::new;
    let must = Exercise {
        arrows: BTreeSet::from([
            arrow(JobState::Queued, JobState::Launching),
            arrow(JobState::Launching, JobState::Running),
            arrow(JobState::Running, JobState::Completed),
        ]),
        waiting_lines: true,
        schedules: true,
        rest: true,
        ..Exercise::default()
    };
    Expectation {
        failures_at_most: Some(0),
        ..Expectation::each_once(ids)
            .with_limit(limit)
            .with_stored(details.iter().map(stored::stored))
            .exercising(must)
            .of_whole_store()
    }
}

/// The same history with one thing wrong, for each of what it can show: a verdict that passes one of
/// these would be none.
fn what_it_would_have_caught(history: History) -> Judged {
    let mut history = history;
    let right = history.kept.clone();
    let mut judged = Judged::Passed;
    for (promise, what, wrong) in wrongs(&right) {
        history.kept = wrong;
        judged = judged.and(|| is_caught(promise, what, &history.verdict()));
    }
    history.kept = right;
    let last = history
        .witness
        .trim_end()
        .rfind('\n')
        .map_or(0, |at| at + 1);
    history.witness.truncate(last);
    judged.and(|| is_caught("S4", "an END that is missing", &history.verdict()))
}

fn is_caught(promise: &str, what: &str, verdict: &Verdict) -> Judged {
    let by = match verdict {
        Verdict::Violated { violation, .. } => violation.promise.to_string(),
        Verdict::Passed { .. } | Verdict::Unknown { .. } => String::new(),
    };
    holds(promise, by == promise, || {
        format!("{what} is not seen: {verdict}")
    })
}

/// Tables as they would be if a promise had been broken, with the promise.
fn wrongs(right: &[Kept]) -> Vec<(&'static str, &'static str, Vec<Kept>)> {
    let with = |change: &dyn Fn(&mut Vec<Kept>)| {
        let mut wrong = right.to_vec();
        change(&mut wrong);
        wrong
    };
    let attempt = |kept: &Kept| kept.detail.attempts_made[0].clone();
    let first = right.iter().map(|kept| attempt(kept).claimed_at).min();
    let last = right.iter().filter_map(|kept| attempt(kept).ended_at).max();
    let (first, last) = (first.expect("there are jobs"), last.expect("they ended"));
    let millis = Duration::from_millis;
    vec![
        (
            "S1",
            "an attempt that two workers got",
            with(&|kept| {
                let mut twice = kept[0].clone();
                twice.detail.attempts_made[0].worker.0 += 1000;
                twice.detail.attempts_made[0].token.0 += 1000;
                kept.push(twice);
            }),
        ),
        (
            "S3",
            "leases that others were given beside",
            with(&|kept| {
                let attempts = kept
                    .iter_mut()
                    .map(|kept| &mut kept.detail.attempts_made[0]);
                let mut attempts: Vec<_> = attempts.collect();
                attempts.sort_by_key(|attempt| attempt.claimed_at);
                for attempt in attempts.into_iter().take(LIMIT as usize) {
                    attempt.ended_at = Some(last);
                }
            }),
        ),
        (
            "S7",
            "a job of low priority that went first",
            with(&|kept| {
                let low = &mut kept[0].detail.attempts_made[0];
                low.claimed_at = first - millis(20);
                low.started_at = Some(first - millis(10));
                low.ended_at = Some(first - millis(5));
            }),
        ),
        (
            "S8",
            "a job that started before it was due",
            with(&|kept| {
                let scheduled = kept.last_mut().expect("it is there");
                let due = scheduled.detail.spec.scheduled_for.expect("it says so");
                let attempt = &mut scheduled.detail.attempts_made[0];
                attempt.claimed_at = due - millis(1);
            }),
        ),
    ]
}
