//! What must hold of a database whenever nothing is going on: every job in exactly one place, and
//! every count equal to what the lists say (promise S12).

use std::collections::BTreeMap;

use longshore_core::State;
use longshore_core::queue::Count;
use longshore_core::store::{JobFilter, JobSummary, Store};

/// Every job, newest first, page by page.
pub async fn every_job(store: &dyn Store) -> Vec<JobSummary> {
    let mut filter = JobFilter {
        limit: JobFilter::MAX_PAGE,
        ..JobFilter::default()
    };
    let mut jobs = Vec::new();
    loop {
        let page = store.list_jobs(&filter).await.expect("a page of jobs");
        jobs.extend(page.jobs);
        match page.next {
            Some(next) => {
                assert!(
                    filter.before.is_none_or(|before| next < before),
                    "cursors only fall"
                );
                filter.before = Some(next);
            }
            None => return jobs,
        }
    }
}

/// Panics unless the audit finds nothing and the metrics equal what the list of jobs says.
pub async fn assert_at_rest(store: &dyn Store) {
    let breaches = store.audit().await.expect("audit");
    assert!(breaches.is_empty(), "the audit found: {breaches:#?}");

    let jobs = every_job(store).await;
    let mut by_queue: BTreeMap<(String, State), u64> = BTreeMap::new();
    let mut by_state: BTreeMap<State, u64> = BTreeMap::new();
    for job in &jobs {
        *by_queue.entry((job.queue.clone(), job.state)).or_default() += 1;
        *by_state.entry(job.state).or_default() += 1;
    }
    let total = |state| by_state.get(&state).copied().unwrap_or(0);

    let metrics = store.worker_metrics().await.expect("metrics");
    let waiting = total(State::Queued) + total(State::Retrying);
    assert_eq!(metrics.queue_depth, Count(waiting), "queue_depth");
    assert_eq!(
        metrics.ready_now.0 + metrics.scheduled_future.0,
        waiting,
        "ready or scheduled"
    );
    assert_eq!(
        metrics.launching,
        Count(total(State::Launching)),
        "launching"
    );
    assert_eq!(metrics.running, Count(total(State::Running)), "running");
    assert!(
        metrics.launch_failed.0 <= total(State::Failed),
        "launch_failed"
    );

    let settled = store.settled_counts().await.expect("settled counts");
    for state in State::ALL.into_iter().filter(|state| state.is_terminal()) {
        assert_eq!(
            settled.get(&state).map_or(0, |count| count.0),
            total(state),
            "{state}"
        );
    }

    for stats in store.queue_stats().await.expect("queue stats") {
        let name = &stats.queue.name;
        let of = |state| by_queue.get(&(name.clone(), state)).copied().unwrap_or(0);
        let waiting = of(State::Queued) + of(State::Retrying);
        assert_eq!(
            stats.counts.queue_depth,
            Count(waiting),
            "queue_depth of {name}"
        );
        assert_eq!(
            stats.counts.ready_now.0 + stats.counts.scheduled_future.0,
            waiting,
            "ready or scheduled of {name}"
        );
        assert_eq!(
            stats.counts.launching,
            Count(of(State::Launching)),
            "launching of {name}"
        );
        assert_eq!(
            stats.counts.running,
            Count(of(State::Running)),
            "running of {name}"
        );
    }
}
