//! The tasks of a shift: who owns them, and how they end.
//!
//! Owns the attempts' tasks and the background's (heartbeat, look-out, cancel watch, reconciling,
//! finisher), and the drain, in which every wait is bounded.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use longshore_core::executor::Executor;
use longshore_core::store::{Lease, Registry as _};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::attempt::{Attempt, message};
use crate::config::WorkerConfig;
use crate::error::QueueError;
use crate::liveness::BootClock;
use crate::manager::LaunchFailure;
use crate::orders::{Order, Orders, StopReason};
use crate::patience::patiently;
use crate::retrying::Retrying;
use crate::served::Served;
use crate::shift::{Going, Shift};
use crate::shutdown::GracefulShutdown;
use crate::{cancels, finisher, heartbeat, lookout, reconcile};

/// At the end of a drain: how long ends may wait for the database, once their containers are gone.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// How long removals of finished containers may still take. What is left is found by a later
/// worker's sweep.
const REMOVAL_WAIT: Duration = Duration::from_secs(5);
/// How long the goodbye may take. Without it the worker counts as dead when its lease is over.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);
/// How long a container that can't outlive its worker has between TERM and KILL at most, in a
/// drain: a job can't hold up a shutdown for as long as it likes.
const MAX_STOP_WAIT: Duration = Duration::from_secs(30);

/// The tasks of a shift. Dropping it aborts them: containers and leases stay as they are, for
/// recovery to find.
pub(crate) struct Crew {
    pub shift: Arc<Shift>,
    attempts: Mutex<JoinSet<()>>,
    background: Mutex<JoinSet<()>>,
}

impl Crew {
    /// Registers a worker and starts the background.
    pub async fn begin(
        store: &Retrying,
        executors: &[Arc<dyn Executor>],
        config: &Arc<WorkerConfig>,
        clock: &BootClock,
    ) -> Result<Self, QueueError> {
        let (shift, inbox) = Shift::begin(store, executors, config, clock).await?;
        let crew = Self {
            shift: Arc::clone(&shift),
            attempts: Mutex::default(),
            background: Mutex::default(),
        };
        crew.in_background("finisher", finisher::run(store.clone(), inbox));
        crew.in_background("heartbeat", heartbeat::run(Arc::clone(&shift)));
        crew.in_background("look-out", lookout::run(Arc::clone(&shift)));
        crew.in_background("cancel watch", cancels::run(Arc::clone(&shift)));
        crew.in_background("reconciling", reconcile::run(Arc::clone(&shift)));
        Ok(crew)
    }

    /// Starts the task of an acquired job.
    pub fn take(
        &self,
        served: &Arc<Served>,
        (lease, orders): (Lease, Orders),
        permit: Option<OwnedSemaphorePermit>,
        started: Option<oneshot::Sender<Result<(), LaunchFailure>>>,
    ) {
        let attempt = Attempt {
            lease,
            served: Arc::clone(served),
            orders,
            permit,
            started,
        };
        let mut attempts = lock(&self.attempts);
        attempts.spawn(attempt.run(Arc::clone(&self.shift)));
        // Here too, so that the set does not grow with every job that ever ran.
        while let Some(ended) = attempts.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(error = %error, "the end of an attempt panicked");
            }
        }
    }

    /// A task of the shift's own. When it panics, the shift can't be trusted any more: it drains.
    pub fn in_background(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let shift = Arc::downgrade(&self.shift);
        lock(&self.background).spawn(async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                let text = format!("the {name} task panicked: {}", message(panic.as_ref()));
                tracing::error!(task = name, panic = %text, "a task of the worker panicked");
                if let Some(shift) = shift.upgrade() {
                    shift.now(Going::Faulted(text));
                }
            }
        });
    }

    /// Ends the shift: acquires nothing, gives what runs the grace time, then hands it over or
    /// stops it, and says goodbye. Heartbeats go on until the last lease is gone.
    ///
    /// Bounded, whatever the database and the executors do: the grace time, the stop grace of what
    /// is stopped (at most 30 s), and about 14 s.
    pub async fn drain(&self, shutdown: &GracefulShutdown) {
        let shift = &self.shift;
        shift.now(Going::Draining);
        self.in_background("drain notice", announce_drain(Arc::clone(shift)));
        let grace = shift.config.shutdown_timeout;
        tokio::select! {
            () = shift.roll.tracker.wait_until_none() => {}
            () = sleep(grace) => {}
            () = shutdown.forced() => {}
            () = shift.fenced() => {}
        }
        let stop_wait = self.hand_over_or_stop();
        let all_ended = shift
            .roll
            .tracker
            .wait_for_completion(stop_wait + STORE_WAIT);
        if !all_ended.await {
            self.give_up();
        }
        // What an acquisition that the drain cut short had brought.
        let last_look = patiently("leases_of", || reconcile::once(shift));
        let _ = timeout(GOODBYE_WAIT, last_look).await;
        let mut attempts = std::mem::take(&mut *lock(&self.attempts));
        let removals = async { while attempts.join_next().await.is_some() {} };
        if timeout(REMOVAL_WAIT, removals).await.is_err() {
            attempts.abort_all();
        }
        // Whatever it leaves alive may be taken over from now on.
        let goodbye = patiently("stop_worker", || shift.store.stop_worker(shift.worker));
        if !matches!(timeout(GOODBYE_WAIT, goodbye).await, Ok(Ok(()))) {
            tracing::warn!(
                worker.id = shift.worker.0,
                "could not say goodbye to the store"
            );
        }
        let mut background = std::mem::take(&mut *lock(&self.background));
        background.shutdown().await;
    }

    /// What still runs goes on without us, or is stopped. Says how long that may take.
    fn hand_over_or_stop(&self) -> Duration {
        let mut wait = Duration::ZERO;
        let mut by_fate: BTreeMap<&str, u32> = BTreeMap::new();
        for (_, entry) in self.shift.roll.live() {
            if entry.served.executor.survives_worker() {
                entry.orders.give(Order::LeaveAlive);
                *by_fate.entry("left alive").or_default() += 1;
            } else {
                entry.orders.give(Order::Stop(StopReason::Drained));
                wait = wait.max(entry.stop_grace.min(MAX_STOP_WAIT));
                *by_fate.entry("stopped").or_default() += 1;
            }
        }
        if !by_fate.is_empty() {
            tracing::info!(?by_fate, "the grace time is over");
        }
        wait
    }

    /// The time is up. What could not be ended, or not be stored, is left to recovery.
    fn give_up(&self) {
        lock(&self.attempts).abort_all();
        let left = self.shift.roll.live();
        for (key, _) in &left {
            tracing::error!(
                job.id = key.job.0,
                attempt = key.attempt.0,
                "left to recovery"
            );
        }
        self.shift
            .tally
            .change(|report| report.unfinished += left.len() as u64);
    }
}

/// Tells the store, so that people see it. Nothing depends on it.
async fn announce_drain(shift: Arc<Shift>) {
    if let Err(error) = shift.store.drain_worker(shift.worker).await {
        tracing::debug!(error = %error, "could not announce the drain");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A join set stays whole when a spawn panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
