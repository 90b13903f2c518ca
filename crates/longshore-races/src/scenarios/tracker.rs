//! `JobCompletionTracker`: whoever waits learns of the last completion, and of none before it.

use std::time::Duration;

use longshore_core::JobId;
use shuttle::future::{spawn, yield_now};

use super::{Count, all};
use crate::explore::reached;
use crate::time::Instant;
use crate::tracker::JobCompletionTracker;

const SECOND: Duration = Duration::from_secs(1);
const JOBS: usize = 3;

fn job(number: usize) -> JobId {
    JobId(i64::try_from(number).expect("small"))
}

fn tracker_with_jobs() -> JobCompletionTracker {
    let tracker = JobCompletionTracker::new();
    for number in 0..JOBS {
        tracker.add_running_job(job(number));
    }
    tracker
}

/// Jobs end in tasks of their own while others wait, one of whom gives up.
pub async fn the_last_completion_ends_every_wait() {
    let tracker = tracker_with_jobs();
    let waits = || {
        let tracker = tracker.clone();
        spawn(async move {
            let is_early = tracker.get_running_count() > 0;
            tracker.wait_until_none().await;
            assert_eq!(tracker.get_running_count(), 0);
            reached(if is_early {
                "waited"
            } else {
                "came too late to wait"
            });
        })
    };
    let waiting = [waits(), waits()];
    let gives_up = waits();
    let ending: Vec<_> = (0..JOBS)
        .map(|number| {
            let tracker = tracker.clone();
            spawn(async move { assert!(tracker.mark_job_completed(job(number))) })
        })
        .collect();
    gives_up.abort();
    all(ending).await;
    all(waiting).await;
    assert_eq!(tracker.running_jobs(), []);
}

/// Two lines of jobs, each begun before the one before it ends: something runs until both are over.
pub async fn no_wait_ends_while_something_runs() {
    const LINES: usize = 2;
    let tracker = JobCompletionTracker::new();
    let over = Count::default();
    for line in 0..LINES {
        tracker.add_running_job(job(line * 10));
    }
    let lines: Vec<_> = (0..LINES)
        .map(|line| {
            let (tracker, over) = (tracker.clone(), over.clone());
            spawn(async move {
                for step in 0..2 {
                    tracker.add_running_job(job(line * 10 + step + 1));
                    assert!(tracker.mark_job_completed(job(line * 10 + step)));
                }
                over.add(1);
                assert!(tracker.mark_job_completed(job(line * 10 + 2)));
            })
        })
        .collect();
    tracker.wait_until_none().await;
    assert_eq!(over.get(), LINES, "it was told that nothing runs");
    all(lines).await;
}

/// A job that is on the books twice, as a retry is whose attempt before it still ends.
pub async fn a_job_added_twice_is_waited_for_until_it_ended_twice() {
    let tracker = JobCompletionTracker::new();
    let ends_begun = Count::default();
    tracker.add_running_job(job(1));
    let retry_begins = {
        let tracker = tracker.clone();
        spawn(async move { tracker.add_running_job(job(1)) })
    };
    retry_begins.await.expect("nobody cancels it");
    let ends = [0, 1].map(|_| {
        let (tracker, ends_begun) = (tracker.clone(), ends_begun.clone());
        spawn(async move {
            ends_begun.add(1);
            assert!(tracker.mark_job_completed(job(1)), "each end is counted");
        })
    });
    let waiting = {
        let (tracker, ends_begun) = (tracker.clone(), ends_begun.clone());
        spawn(async move {
            tracker.wait_until_none().await;
            assert_eq!(ends_begun.get(), 2, "one end of two ended the wait");
        })
    };
    all(ends).await;
    all([waiting]).await;
    assert!(!tracker.mark_job_completed(job(1)), "and no third");
}

/// Attempts of one job that overlap or not, as it comes: every end finds its own beginning.
pub async fn attempts_of_one_job_never_take_each_others_end() {
    let tracker = JobCompletionTracker::new();
    let attempts = [0, 1, 2].map(|_| {
        let tracker = tracker.clone();
        spawn(async move {
            tracker.add_running_job(job(1));
            if tracker.get_running_count() > 1 {
                reached("attempts overlapped");
            }
            yield_now().await;
            assert!(tracker.mark_job_completed(job(1)));
        })
    });
    all(attempts).await;
    tracker.wait_until_none().await;
    assert_eq!(tracker.get_running_count(), 0);
}

/// The time races against the last completion; whichever is first, the books stay right.
pub async fn a_wait_that_times_out_changes_nothing() {
    let tracker = tracker_with_jobs();
    let ended = Count::default();
    let ending: Vec<_> = (0..JOBS)
        .map(|number| {
            let (tracker, ended) = (tracker.clone(), ended.clone());
            spawn(async move {
                yield_now().await;
                ended.add(1);
                assert!(tracker.mark_job_completed(job(number)));
            })
        })
        .collect();
    let begun = Instant::now();
    if tracker.wait_for_completion(SECOND).await {
        reached("the jobs were first");
        assert_eq!(ended.get(), JOBS, "it was told that nothing runs");
    } else {
        reached("the time was up first");
        assert_eq!(begun.elapsed(), SECOND);
        // Ends are counted before they are marked: what is not, still runs.
        let may_run = tracker.get_running_count();
        assert!(
            may_run + ended.get() >= JOBS,
            "a job left the books by itself"
        );
    }
    all(ending).await;
    assert!(tracker.wait_for_completion(Duration::ZERO).await);
    assert_eq!(tracker.get_running_count(), 0);
}
