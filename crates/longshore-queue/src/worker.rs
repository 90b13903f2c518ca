//! A worker: [`Worker::run`] takes jobs until it is told to stop, or until there are none.
//!
//! Owns the loop: slots before acquiring (nothing is acquired that can't be launched), a fair
//! round over its queues, hints and jittered polling. Never supervises anything itself: that is
//! [`crate::crew`]'s.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use longshore_core::executor::Executor;
use longshore_core::queue::QueueCounts;
use longshore_core::store::{JobSummary, Reading as _, StoreError, StoreResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::config::{ConfigError, Until, WorkerConfig};
use crate::crew::Crew;
use crate::error::QueueError;
use crate::housekeeping;
use crate::liveness::BootClock;
use crate::monitor::{Current, Monitor};
use crate::patience::AWAY;
use crate::report::{EndedBy, WorkerReport};
use crate::retrying::Retrying;
use crate::shift::{Going, Shift};
use crate::shutdown::GracefulShutdown;

/// When a drain begins in the middle of an acquisition, its answer is awaited for this long: then
/// what it brings goes back at once, rather than after a heartbeat.
const ACQUIRE_LINGER: Duration = Duration::from_secs(2);

/// Takes jobs and sees them through.
pub struct Worker {
    store: Retrying,
    executors: Vec<Arc<dyn Executor>>,
    config: Arc<WorkerConfig>,
    clock: BootClock,
    current: Current,
}

/// Why a shift's loop ended.
enum Left {
    /// The worker ends.
    For(EndedBy),
    /// Others took over: it starts over under a fresh id.
    Fenced,
}

impl Worker {
    /// A worker that has not spoken to anyone yet.
    pub fn new(
        store: impl Into<Retrying>,
        executors: Vec<Arc<dyn Executor>>,
        config: WorkerConfig,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            store: store.into(),
            executors,
            config: Arc::new(config),
            clock: BootClock::of_machine(),
            current: Current::default(),
        })
    }

    /// Measures the age of heartbeats by another clock, for tests of suspends.
    #[must_use]
    pub fn with_clock(mut self, clock: BootClock) -> Self {
        self.clock = clock;
        self
    }

    /// What looks at this worker while it runs.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(self.store.clone(), Arc::clone(&self.current))
    }

    /// The jobs that it would take in its first round (`--dry-run`). Reads only.
    pub async fn preview(&self) -> Result<Vec<JobSummary>, QueueError> {
        let kinds: Vec<_> = self
            .executors
            .iter()
            .map(|executor| executor.kind())
            .collect();
        crate::preview::preview(&self.store, &self.config, &kinds).await
    }

    /// Works until told to stop, or as long as its configuration says. An error means that it
    /// never began; whatever happens later is in the report.
    ///
    /// Must be awaited to its end: dropped, it leaves its leases to recovery.
    pub async fn run(&self, shutdown: &GracefulShutdown) -> Result<WorkerReport, QueueError> {
        let begun = Instant::now();
        let mut total = WorkerReport::default();
        loop {
            let crew = match self.begin(shutdown, total.fenced > 0).await {
                Ok(Some(crew)) => crew,
                Ok(None) => break,
                Err(error) if total.fenced == 0 => return Err(error),
                Err(error) => {
                    total.ended_by = EndedBy::Fault(error.to_string());
                    break;
                }
            };
            self.set_current(Some(Arc::clone(&crew.shift)));
            let left = self.work(&crew, shutdown).await;
            crew.drain(shutdown).await;
            self.set_current(None);
            total.add(&crew.shift.report());
            match left {
                Left::For(ended_by) => {
                    total.ended_by = ended_by;
                    break;
                }
                Left::Fenced => {
                    total.fenced += 1;
                    if shutdown.is_draining() {
                        break;
                    }
                }
            }
        }
        total.elapsed = begun.elapsed();
        total.contention = self.store.contention();
        Ok(total)
    }

    /// Registers. The first time any error ends it; a worker that starts over waits for its
    /// database instead. None when it is told to stop meanwhile.
    async fn begin(
        &self,
        shutdown: &GracefulShutdown,
        over: bool,
    ) -> Result<Option<Crew>, QueueError> {
        let mut tries = 0;
        loop {
            let crew = tokio::select! {
                crew = Crew::begin(&self.store, &self.executors, &self.config, &self.clock) => crew,
                // A registration cut short leaves a worker that never shows a sign of life.
                () = shutdown.draining() => return Ok(None),
            };
            match crew {
                Ok(crew) => {
                    let house = housekeeping::run(self.store.clone(), self.config.retention);
                    crew.in_background("housekeeping", house);
                    return Ok(Some(crew));
                }
                Err(error) if over && error.is_systems_fault() => {
                    tries += 1;
                    tracing::warn!(tries, error = %error, "can't register again yet");
                    tokio::select! {
                        () = sleep(AWAY.delay(tries, rand::random())) => {}
                        () = shutdown.draining() => return Ok(None),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The loop of one shift.
    async fn work(&self, crew: &Crew, shutdown: &GracefulShutdown) -> Left {
        let shift = &crew.shift;
        let slots = Arc::new(Semaphore::new(self.config.max_concurrent as usize));
        let mut look = shift.look.listen();
        let mut failures = 0_u32;
        for round in 0_usize.. {
            let free = tokio::select! {
                biased;
                left = told_to_leave(shift, shutdown) => return left,
                free = free_slots(&slots) => free,
            };
            look.looking();
            let wanted = free.num_permits();
            let acquiring = self.acquire_round(crew, free, round);
            tokio::pin!(acquiring);
            let acquired = tokio::select! {
                biased;
                acquired = &mut acquiring => acquired,
                left = told_to_leave(shift, shutdown) => {
                    let _ = timeout(ACQUIRE_LINGER, acquiring).await;
                    return left;
                }
            };
            let wait = match acquired {
                Ok(acquired) => {
                    failures = 0;
                    if self.config.until == Until::OneBatch {
                        return end_of_batch(shift, shutdown).await;
                    }
                    if acquired == wanted {
                        continue; // There may be more, as soon as a slot is free.
                    }
                    if acquired == 0
                        && self.config.until == Until::Empty
                        && self.is_all_done(shift).await
                    {
                        return Left::For(EndedBy::Empty);
                    }
                    self.config
                        .poll_interval
                        .mul_f64(rand::random_range(0.75..=1.0))
                }
                Err(error) if !passes(&error) => {
                    return Left::For(EndedBy::Fault(error.to_string()));
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(error = %error, "could not look for work");
                    }
                    AWAY.delay(failures, rand::random())
                        .max(self.config.poll_interval)
                }
            };
            tokio::select! {
                biased;
                left = told_to_leave(shift, shutdown) => return left,
                () = look.rung(), if failures == 0 => {}
                () = sleep(wait) => {}
            }
        }
        unreachable!("the rounds are not bounded by their number")
    }

    /// One round over the queues, each round beginning with another: as many jobs as there are
    /// free slots. Says how many it got.
    async fn acquire_round(
        &self,
        crew: &Crew,
        mut free: OwnedSemaphorePermit,
        round: usize,
    ) -> StoreResult<usize> {
        let served = &crew.shift.served;
        let mut acquired = 0;
        if crew.shift.liveness.may_be_fenced() {
            return Ok(0); // The next heartbeat tells.
        }
        for step in 0..served.len() {
            let served = &served[(round + step) % served.len()];
            let want = u32::try_from(free.num_permits()).unwrap_or(u32::MAX);
            if want == 0 {
                break;
            }
            let timeout = self.config.acquire_timeout;
            for held in crew.shift.acquire(served, want, None, timeout).await? {
                // No await from here to the task's start: what was acquired is never dropped.
                crew.take(served, held, free.split(1), None);
                acquired += 1;
            }
        }
        Ok(acquired)
    }

    /// Whether nothing waits or runs in its queues, whoever runs it.
    async fn is_all_done(&self, shift: &Shift) -> bool {
        match self.store.queue_stats().await {
            Ok(stats) => stats
                .iter()
                .filter(|stats| {
                    shift
                        .served
                        .iter()
                        .any(|served| served.queue.id == stats.queue.id)
                })
                .all(|stats| is_empty(&stats.counts)),
            Err(error) => {
                tracing::warn!(error = %error, "could not see whether there is work left");
                false
            }
        }
    }

    fn set_current(&self, shift: Option<Arc<Shift>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = shift;
    }
}

/// Whether nothing of a queue waits or runs.
pub(crate) fn is_empty(counts: &QueueCounts) -> bool {
    counts.queue_depth.0 + counts.launching.0 + counts.running.0 == 0
}

/// Waits for a free slot and takes all that are free. Cancellation-safe.
async fn free_slots(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let mut free = Arc::clone(slots)
        .acquire_owned()
        .await
        .expect("nobody closes this semaphore");
    let more = u32::try_from(slots.available_permits()).unwrap_or(u32::MAX);
    if let Ok(more) = Arc::clone(slots).try_acquire_many_owned(more) {
        free.merge(more);
    }
    free
}

/// Waits until the loop is to end. Cancellation-safe.
async fn told_to_leave(shift: &Shift, shutdown: &GracefulShutdown) -> Left {
    let going = tokio::select! {
        biased;
        going = shift.ending() => going,
        () = shutdown.draining() => return Left::For(EndedBy::Drained),
    };
    match going {
        Going::Fenced => Left::Fenced,
        Going::Faulted(text) => Left::For(EndedBy::Fault(text)),
        Going::On | Going::AskedToDrain | Going::Draining => {
            shutdown.drain();
            Left::For(EndedBy::Drained)
        }
    }
}

/// Waits for the batch's end, or to be told to leave before that.
async fn end_of_batch(shift: &Shift, shutdown: &GracefulShutdown) -> Left {
    tokio::select! {
        biased;
        left = told_to_leave(shift, shutdown) => left,
        () = shift.roll.tracker.wait_until_none() => Left::For(EndedBy::OneBatch),
    }
}

/// Whether looking again later can help.
fn passes(error: &StoreError) -> bool {
    match error {
        StoreError::SchemaTooNew { .. } | StoreError::SchemaTooOld { .. } => false,
        other => other.is_systems_fault(),
    }
}
