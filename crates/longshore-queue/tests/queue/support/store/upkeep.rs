//! What people ask for, the passes that keep the store in shape, and the store itself.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::queue::Count;
use longshore_core::state::TerminalState;
use longshore_core::store::{
    Aged, CancelOutcome, Finding, NewJob, Pruned, Retention, Store, StoreResult, Submissions,
    Submitted, Upkeep, Wakeups,
};
use longshore_core::{InstanceId, JobId, Priority};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{MemoryStore, Place, unused};

#[async_trait]
impl Submissions for MemoryStore {
    async fn submit(&self, jobs: &[NewJob]) -> StoreResult<Vec<Submitted>> {
        let ids = jobs.iter().map(|job| self.add(job.spec().clone()));
        Ok(ids
            .map(|id| Submitted {
                job: JobId(id),
                is_new: true,
            })
            .collect())
    }

    async fn queue_job(&self, _job: JobId) -> StoreResult<()> {
        self.verb("queue_job", |_| Ok(())).await
    }

    async fn dequeue_job(&self, _job: JobId) -> StoreResult<()> {
        unused("dequeue_job")
    }

    async fn reprioritise(&self, _job: JobId, _priority: Priority) -> StoreResult<()> {
        unused("reprioritise")
    }

    async fn request_cancel(&self, _job: JobId) -> StoreResult<CancelOutcome> {
        unused("request_cancel")
    }

    async fn retry_job(&self, _job: JobId) -> StoreResult<()> {
        unused("retry_job")
    }
}

#[async_trait]
impl Upkeep for MemoryStore {
    async fn stage_due(&self, _limit: u32) -> StoreResult<u64> {
        self.journal.note("stage");
        self.verb("stage_due", |inner| Ok(inner.stage())).await
    }

    async fn expire_waiting(&self, _limit: u32) -> StoreResult<Vec<JobId>> {
        self.journal.note("expire");
        let expired = self.verb("expire_waiting", |inner| {
            let now = Instant::now();
            let mut expired = Vec::new();
            for (id, job) in &mut inner.jobs {
                let waits = matches!(job.place, Place::Ready | Place::Scheduled(_));
                if waits && job.expires_at.is_some_and(|time| time <= now) {
                    job.place = Place::Settled(TerminalState::TimedOut);
                    expired.push(*id);
                }
            }
            Ok(expired)
        });
        expired.await
    }

    async fn age_waiting(&self, _limit: u32) -> StoreResult<Vec<Aged>> {
        self.journal.note("age");
        Ok(Vec::new())
    }

    async fn prune(&self, retention: Retention) -> StoreResult<Pruned> {
        self.journal
            .note(format!("prune {}s", retention.keep.as_secs()));
        Ok(Pruned::default())
    }

    async fn prunable(&self, _keep: Duration) -> StoreResult<Count> {
        unused("prunable")
    }

    async fn tend_storage(&self, _retention: Retention) -> StoreResult<()> {
        self.journal.note("tend");
        self.verb("tend_storage", |_| Ok(())).await
    }

    async fn audit(&self) -> StoreResult<Vec<String>> {
        unused("audit")
    }

    async fn diagnose(&self) -> StoreResult<Vec<Finding>> {
        unused("diagnose")
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "memory"
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.verb("instance", |_| Ok(InstanceId("test".to_owned())))
            .await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.verb("now", |_| Ok(Timestamp::UNIX_EPOCH)).await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        Box::new(Hints {
            hints: self.hints.subscribe(),
            come_round: self.lock().hints_come_round,
        })
    }

    async fn close(&self) {
        self.journal.note("close");
    }
}

struct Hints {
    hints: watch::Receiver<u64>,
    come_round: bool,
}

#[async_trait]
impl Wakeups for Hints {
    async fn wait(&mut self, at_most: Duration) -> bool {
        matches!(timeout(at_most, self.hints.changed()).await, Ok(Ok(())))
    }

    fn come_round(&self) -> bool {
        self.come_round
    }
}
