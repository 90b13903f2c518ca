//! What became of the jobs: by their own lines, held against the tables.

use std::fmt;
use std::fs;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use longshore::JobId;
use longshore_core::State;
use longshore_history::{self as history, BreachKind, Expectation, Limit, Verdict, Witness};

use crate::stage::{LIMIT, QUEUE, Stage};
use crate::stored;

/// What is counted as a job that ran where it must not have.
const DOUBLED: &[BreachKind] = &[
    BreachKind::RanUnacquired,
    BreachKind::AcquiredTwice,
    BreachKind::StartedTwice,
    BreachKind::AttemptsOverlap,
    BreachKind::RestartedAfterEnd,
    BreachKind::RanTooOften,
    BreachKind::EndedTwice,
];
const OVER: &[BreachKind] = &[BreachKind::LimitExceeded];

/// What became of the jobs of one run.
pub struct Judgement {
    pub jobs: usize,
    /// Submitted, acknowledged, and not completed.
    pub lost: u64,
    /// Ran beside or after another run of theirs that had not been cut short.
    pub doubled: u64,
    /// Started while as many were live as the limit allows.
    pub over: u64,
    /// How many were live at once.
    pub most_live: usize,
    /// How many were acquired more than once: their worker was killed, or an answer to it lost.
    pub again: usize,
    /// Whatever else is wrong.
    pub wrongs: Vec<String>,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} jobs, {} lost, {} doubled, {} over the limit (most live {}, {} acquired again)",
            self.jobs, self.lost, self.doubled, self.over, self.most_live, self.again
        )
    }
}

impl Judgement {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        (self.lost, self.doubled, self.over) == (0, 0, 0) && self.wrongs.is_empty()
    }
}

/// Lets one more worker end what is left, then judges. A job whose worker was killed may run again: so
/// often at most.
pub async fn judge(stage: &Stage, jobs: &[JobId], kills: u32) -> Judgement {
    let rest = [
        "worker",
        "--queue",
        QUEUE,
        "--until-empty",
        "--max-concurrent",
        "8",
    ];
    let home = std::sync::Arc::clone(&stage.home);
    let url = stage.server.url();
    let ran =
        tokio::task::spawn_blocking(move || home.run(&[&rest[..], &["--database", &url]].concat()));
    let ran = ran.await.expect("it ends");
    let mut wrongs = Vec::new();
    if ran.code != 0 {
        wrongs.push(ran.report());
    }

    let store = &stage.store;
    let details: Vec<_> = stream::iter(jobs.iter().copied())
        .map(|job| store.show_job(job))
        .buffered(8)
        .try_collect()
        .await
        .expect("every job is there");
    wrongs.extend(store.audit().await.expect("the audit runs"));
    for stats in store.queue_stats().await.expect("the store answers") {
        let counts = &stats.counts;
        if counts.queue_depth.0 + counts.launching.0 + counts.running.0 > 0 {
            wrongs.push(format!("something is left: {stats:?}"));
        }
    }
    let not_completed = details
        .iter()
        .filter(|detail| detail.summary.state != State::Completed);
    let lost = u64::try_from(not_completed.count()).expect("a small number");
    let again = details
        .iter()
        .filter(|detail| detail.attempts_made.len() > 1);
    let again = again.count();

    let ids = jobs.iter().map(|job| history::JobId(job.0));
    let limit = Limit {
        name: QUEUE.to_owned(),
        max: LIMIT,
        jobs: ids.clone().collect(),
        must_reach: false,
        queue: None,
    };
    let runs = history::ExpectedRuns {
        at_least: 1,
        at_most: 1 + kills,
    };
    let mut expectation = Expectation::default();
    for id in ids {
        expectation = expectation.with_job(id, runs, history::ExpectedEnd::Completed);
    }
    let expectation = expectation
        .with_limit(limit)
        .with_stored(details.iter().map(stored::stored));
    let text = fs::read_to_string(stage.witness()).unwrap_or_default();
    let verdict = match Witness::parse(&text) {
        Ok(witness) => history::check(&witness, &expectation),
        Err(error) => {
            wrongs.push(error.to_string());
            history::check(&Witness::default(), &expectation)
        }
    };
    let mut judged = Judgement {
        jobs: jobs.len(),
        lost,
        doubled: 0,
        over: 0,
        most_live: 0,
        again,
        wrongs,
    };
    match &verdict {
        Verdict::Passed { summary } => judged.most_live = summary.limits[0].most_live,
        Verdict::Violated { all_counts, .. } => {
            let of = |kinds: &[BreachKind]| kinds.iter().map(|kind| all_counts.of(*kind)).sum();
            judged.doubled = of(DOUBLED);
            judged.over = of(OVER);
            judged.wrongs.push(verdict.to_string());
        }
        Verdict::Unknown { .. } => judged.wrongs.push(verdict.to_string()),
    }
    judged
}
