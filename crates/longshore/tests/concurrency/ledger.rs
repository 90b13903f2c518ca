//! What the tables say of each job once everything has ended, held against what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use longshore::{JobId, State, Store};
use longshore_core::WorkerId;
use longshore_core::queue::Count;
use longshore_core::store::{JobDetail, JobFilter};
use longshore_testkit::judged::{Judged, holds};

/// Every one of these jobs, in full.
pub async fn read(store: &dyn Store, jobs: &[JobId]) -> Vec<JobDetail> {
    let mut details = Vec::with_capacity(jobs.len());
    for job in jobs {
        details.push(store.show_job(*job).await.expect("the job is there"));
    }
    details
}

/// Each job completed, by one attempt.
pub fn each_completed_once(details: &[JobDetail]) -> Judged {
    for detail in details {
        let job = detail.summary.id;
        let state = detail.summary.state;
        if state != State::Completed {
            return Judged::violated("S4", format!("job {job} is {state}"));
        }
        let attempts = detail.attempts_made.len();
        if attempts != 1 {
            let made = &detail.attempts_made;
            return Judged::violated("S1", format!("job {job} had {attempts} attempts: {made:?}"));
        }
    }
    Judged::Passed
}

/// How many jobs each worker got.
pub fn by_worker(details: &[JobDetail]) -> BTreeMap<WorkerId, usize> {
    let mut by_worker = BTreeMap::new();
    for attempt in details.iter().flat_map(|detail| &detail.attempts_made) {
        *by_worker.entry(attempt.worker).or_default() += 1;
    }
    by_worker
}

/// The claimed set is the queued set: each of these jobs once, and nothing else.
pub fn claimed_is_queued(claimed: &[JobId], queued: &[JobId]) -> Judged {
    let mut seen = BTreeSet::new();
    for job in claimed {
        if !seen.insert(*job) {
            return Judged::violated("S1", format!("job {job} was claimed twice"));
        }
    }
    let queued: BTreeSet<JobId> = queued.iter().copied().collect();
    let missing: Vec<_> = queued.difference(&seen).take(5).collect();
    let strange: Vec<_> = seen.difference(&queued).take(5).collect();
    holds("S4", missing.is_empty(), || {
        format!("never claimed: {missing:?}")
    })
    .and(|| {
        holds("S1", strange.is_empty(), || {
            format!("claimed and never queued: {strange:?}")
        })
    })
}

/// At rest, metrics equal the truth in the tables; and the tables keep their own rules.
pub async fn metrics_equal_tables(store: &dyn Store) -> Judged {
    let mut filter = JobFilter {
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    };
    let mut counted: BTreeMap<State, u64> = BTreeMap::new();
    let now = store.now().await.expect("the store answers");
    let (mut due, mut later) = (0, 0);
    loop {
        let page = store.list_jobs(&filter).await.expect("the store answers");
        for job in &page.jobs {
            *counted.entry(job.state).or_default() += 1;
            if matches!(job.state, State::Queued | State::Retrying) {
                let is_later = job.due_at.is_some_and(|at| at > now);
                *(if is_later { &mut later } else { &mut due }) += 1;
            }
        }
        match page.next {
            Some(next) => filter.before = Some(next),
            None => break,
        }
    }
    let of = |state| counted.get(&state).copied().unwrap_or_default();
    let metrics = store.worker_metrics().await.expect("the store answers");
    let pairs = [
        ("queue_depth", metrics.queue_depth, due + later),
        ("ready_now", metrics.ready_now, due),
        ("scheduled_future", metrics.scheduled_future, later),
        ("launching", metrics.launching, of(State::Launching)),
        ("running", metrics.running, of(State::Running)),
    ];
    for (name, Count(metric), truth) in pairs {
        if metric != truth {
            return Judged::violated(
                "S12",
                format!("{name} is {metric}, and the tables say {truth}"),
            );
        }
    }
    let settled = store.settled_counts().await.expect("the store answers");
    for state in [
        State::Completed,
        State::Failed,
        State::TimedOut,
        State::Cancelled,
    ] {
        let Count(metric) = settled.get(&state).copied().unwrap_or_default();
        let truth = of(state);
        if metric != truth {
            return Judged::violated(
                "S12",
                format!("{metric} {state}, and the tables say {truth}"),
            );
        }
    }
    let by_queue = store.queue_stats().await.expect("the store answers");
    let running: u64 = by_queue.iter().map(|stats| stats.counts.running.0).sum();
    let depth: u64 = by_queue
        .iter()
        .map(|stats| stats.counts.queue_depth.0)
        .sum();
    let truth = (of(State::Running), due + later);
    let breaches = store.audit().await.expect("the audit runs");
    holds("S12", (running, depth) == truth, || {
        format!("queues count {running} running and {depth} waiting, and the tables say {truth:?}")
    })
    .and(|| holds("S6", breaches.is_empty(), || breaches.join("; ")))
}
