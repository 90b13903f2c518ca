//! A worker: [`Worker::run`] takes jobs until it is told to stop, or until there are none.
//!
//! Owns the loop: slots before acquiring (nothing is acquired that can't be launched), and when it looks
//! for more: on hints, when a job comes due, and now and then. Which queues a round asks is
//! [`crate::rounds`]'; supervising is [`crate::crew`]'s.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use longshore_core::executor::Executor;
use longshore_core::queue::QueueCounts;
use longshore_core::store::{JobSummary, Reading as _};
use tokio::time::{Instant, sleep};

use crate::config::{ConfigError, Until, WorkerConfig};
use crate::crew::Crew;
use crate::error::QueueError;
use crate::liveness::BootClock;
use crate::monitor::{Current, Monitor};
use crate::patience::AWAY;
use crate::report::{EndedBy, WorkerReport};
use crate::retrying::Retrying;
use crate::rounds::{Rounds, passes};
use crate::shift::{Going, Shift};
use crate::shutdown::GracefulShutdown;

/// Where hints are known to arrive, so many polls are one: only a hint that was lost is waited for.
const HEARING_PATIENCE: u32 = 3;
/// One that ends when nothing is left looks so many times as often.
const ENDING_HASTE: u32 = 4;
/// The least time between two looks for jobs that come due.
const MIN_GAP: Duration = Duration::from_millis(20);
/// Workers that look for a job that comes due look within this time of each other.
const APART: Duration = Duration::from_millis(20);

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
                    if self.config.until == Until::OneBatch && total.acquired > 0 {
                        total.ended_by = EndedBy::OneBatch;
                        break;
                    }
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
                Ok(crew) => return Ok(Some(crew)),
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
        let slots = &shift.slots;
        let mut look = shift.look.listen();
        let mut hints = shift.hints.listen();
        let mut rounds = Rounds::default();
        // Whether something may be found that the last round did not see.
        let mut anew = true;
        let mut failures = 0_u32;
        loop {
            let free = tokio::select! {
                biased;
                left = told_to_leave(shift, shutdown) => return left,
                free = slots.all_free() => free,
            };
            anew |= hints.looking();
            look.looking();
            let wanted = free.count();
            let outcome = tokio::select! {
                // First: nothing is acquired any more once it is told to leave. What a call that
                // is cut short here still brings, the drain hands back.
                biased;
                left = told_to_leave(shift, shutdown) => return left,
                outcome = rounds.next(crew, &self.config, free, anew) => outcome,
            };
            let is_batch = outcome.acquired > 0 || (outcome.answered && outcome.failed.is_none());
            if self.config.until == Until::OneBatch && is_batch {
                return end_of_batch(shift, shutdown).await;
            }
            let wait = match &outcome.failed {
                None => {
                    failures = 0;
                    if outcome.acquired == wanted {
                        anew = false;
                        continue; // There may be more, as soon as a slot is free.
                    }
                    if outcome.acquired == 0
                        && self.config.until == Until::Empty
                        && self.is_all_done(shift).await
                    {
                        return Left::For(EndedBy::Empty);
                    }
                    self.next_look(shift, outcome.due_in)
                }
                Some(error) if !passes(error) => {
                    return Left::For(EndedBy::Fault(error.to_string()));
                }
                Some(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(error = %error, "could not look for work");
                    }
                    if outcome.answered {
                        self.poll()
                    } else {
                        AWAY.delay(failures, rand::random())
                            .max(self.config.poll_interval)
                    }
                }
            };
            tokio::select! {
                biased;
                left = told_to_leave(shift, shutdown) => return left,
                () = look.rung(), if failures == 0 || outcome.answered => {}
                () = sleep(wait) => {}
            }
            anew = true;
        }
    }

    /// How long until the next look without a hint: when the next job comes due, or else now and then. All
    /// workers know of a job that comes due, and the first to look may take it: they don't look at once.
    fn next_look(&self, shift: &Shift, due_in: Option<Duration>) -> Duration {
        let hears = shift.hears.load(Ordering::Relaxed);
        let poll = match self.config.until {
            // What it waits for then are others' ends, of which no hint tells.
            Until::Empty => self.poll() / ENDING_HASTE,
            Until::Stopped | Until::OneBatch if hears => self.poll() * HEARING_PATIENCE,
            Until::Stopped | Until::OneBatch => self.poll(),
        };
        let due_in = due_in.map(|due_in| due_in.max(MIN_GAP) + APART.mul_f64(rand::random()));
        due_in.map_or(poll, |due_in| due_in.min(poll))
    }

    /// How long until the next look without a hint.
    fn poll(&self) -> Duration {
        self.config
            .poll_interval
            .mul_f64(rand::random_range(0.75..=1.0))
    }

    /// Whether nothing waits or runs in its queues, whoever runs it.
    async fn is_all_done(&self, shift: &Shift) -> bool {
        let served = shift.served();
        match self.store.queue_stats().await {
            Ok(stats) => stats
                .iter()
                .filter(|stats| {
                    served
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
