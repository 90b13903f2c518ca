//! Which jobs run here, and waiting for their end: [`JobCompletionTracker`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::JobId;
use tokio::sync::watch;
use tokio::time::timeout;

/// Counts running jobs and waits until none is left. Clones share the count.
///
/// A job that is added twice must be marked completed twice: a retry may be acquired by the same
/// worker before the attempt before it is off the books.
#[derive(Clone, Debug, Default)]
pub struct JobCompletionTracker {
    running: Arc<watch::Sender<BTreeMap<JobId, u32>>>,
}

impl JobCompletionTracker {
    /// Nothing runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// The job runs now.
    pub fn add_running_job(&self, job: JobId) {
        self.running
            .send_modify(|running| *running.entry(job).or_default() += 1);
    }

    /// The job has ended. Says whether it was running.
    pub fn mark_job_completed(&self, job: JobId) -> bool {
        self.running.send_if_modified(|running| {
            let Some(count) = running.get_mut(&job) else {
                return false;
            };
            *count -= 1;
            if *count == 0 {
                running.remove(&job);
            }
            true
        })
    }

    /// How many run.
    pub fn get_running_count(&self) -> usize {
        self.running
            .borrow()
            .values()
            .map(|count| *count as usize)
            .sum()
    }

    /// The jobs that run, lowest id first.
    pub fn running_jobs(&self) -> Vec<JobId> {
        self.running.borrow().keys().copied().collect()
    }

    /// Waits until nothing runs; false when the time is up first. Awaits the condition itself,
    /// without polling. Cancellation-safe.
    pub async fn wait_for_completion(&self, at_most: Duration) -> bool {
        timeout(at_most, self.wait_until_none()).await.is_ok()
    }

    /// Waits until nothing runs, however long it takes. Cancellation-safe.
    pub async fn wait_until_none(&self) {
        let mut running = self.running.subscribe();
        // An error would mean that the sender is gone; `self` holds it.
        let _ = running.wait_for(BTreeMap::is_empty).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    const SECOND: Duration = Duration::from_secs(1);

    fn three_jobs() -> JobCompletionTracker {
        let tracker = JobCompletionTracker::new();
        for id in 1..=3 {
            tracker.add_running_job(JobId(id));
        }
        tracker
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_last_job() {
        let tracker = three_jobs();
        let ending = tracker.clone();
        let begun = Instant::now();
        let task = tokio::spawn(async move {
            for (id, after) in [(1, 1000), (2, 500), (3, 500)] {
                sleep(Duration::from_millis(after)).await;
                assert!(ending.mark_job_completed(JobId(id)));
            }
        });
        assert!(tracker.wait_for_completion(5 * SECOND).await);
        assert_eq!(
            begun.elapsed(),
            2 * SECOND,
            "on the paused clock: neither early nor late"
        );
        assert_eq!(tracker.get_running_count(), 0);
        task.await.expect("the ending task does not panic");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_gives_up_when_the_time_is_up_and_the_jobs_still_count() {
        let tracker = three_jobs();
        let begun = Instant::now();
        assert!(!tracker.wait_for_completion(SECOND).await);
        assert_eq!(begun.elapsed(), SECOND);
        assert_eq!(tracker.get_running_count(), 3);
        assert_eq!(tracker.running_jobs(), [JobId(1), JobId(2), JobId(3)]);
    }

    #[tokio::test]
    async fn with_nothing_running_there_is_no_wait() {
        assert!(
            JobCompletionTracker::new()
                .wait_for_completion(Duration::ZERO)
                .await
        );
    }

    #[test]
    fn completing_an_unknown_job_changes_nothing() {
        let tracker = three_jobs();
        assert!(!tracker.mark_job_completed(JobId(9)));
        assert_eq!(tracker.get_running_count(), 3);
    }

    #[test]
    fn a_job_added_twice_runs_until_it_is_completed_twice() {
        let tracker = JobCompletionTracker::new();
        tracker.add_running_job(JobId(1));
        tracker.add_running_job(JobId(1));
        assert!(tracker.mark_job_completed(JobId(1)));
        assert_eq!(tracker.get_running_count(), 1);
        assert!(tracker.mark_job_completed(JobId(1)));
        assert!(!tracker.mark_job_completed(JobId(1)));
    }
}
