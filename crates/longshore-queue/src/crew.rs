//! The tasks of a shift: who owns them, and how they end.
//!
//! Owns the attempts' tasks and the background's (heartbeat, look-out, cancel watch, reconciling,
//! finisher, housekeeping), and the drain, in which every wait is bounded.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use longshore_core::executor::Executor;
use longshore_core::store::{FinishOutcome, Lease, LeaseKey, Recovery as _, Registry as _};
use longshore_fault::{bug, point};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::attempt::{Attempt, message};
use crate::config::WorkerConfig;
use crate::error::QueueError;
use crate::liveness::BootClock;
use crate::manager::LaunchFailure;
use crate::orders::{Order, Orders, StopReason};
use crate::patience::patiently;
use crate::retrying::Retrying;
use crate::served::Served;
use crate::shift::{Going, Shift, hand_back};
use crate::shutdown::GracefulShutdown;
use crate::supervise::DRAIN_GRACE;
use crate::{
    cancels, finisher, heartbeat, housekeeping, lookout, machines, reconcile, recovery, removals,
    sampling,
};

/// At the end of a drain: how long ends may wait for the database, once their containers are gone.
const STORE_WAIT: Duration = Duration::from_secs(5);
/// How long removals of finished containers may still take. What is left stays on its host: no later
/// worker looks for it yet.
const REMOVAL_WAIT: Duration = Duration::from_secs(5);
/// How long the goodbye may take. Without it the worker counts as dead when its lease is over.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);
/// How long, from its beginning, a drain waits for acquisitions that were sent before it: longer
/// than a store waits for a lock. What one brings even later is refused by the store, which knows
/// by then that this worker drains or has stopped.
const ACQUIRE_WAIT: Duration = Duration::from_secs(5);
/// How long tasks that are aborted may take to end.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// The tasks of a shift. Dropping it aborts them: containers and leases stay as they are, for
/// recovery to find.
pub(crate) struct Crew {
    pub shift: Arc<Shift>,
    attempts: Attempts,
    background: Mutex<JoinSet<()>>,
}

/// The tasks of the attempts: each is in here until it has ended. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Attempts(Arc<Mutex<JoinSet<()>>>);

impl Attempts {
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut attempts = lock(&self.0);
        // Boxed: the runtime moves a task's future several times, and this one is large.
        attempts.spawn(Box::pin(task));
        // Here too, so that the set does not grow with every job that ever ran.
        while let Some(ended) = attempts.try_join_next() {
            if let Err(error) = ended {
                tracing::error!(error = %error, "the end of an attempt panicked");
            }
        }
    }

    fn take_all(&self) -> JoinSet<()> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Crew {
    /// Registers a worker and starts the background. What has waited for too long is ended before:
    /// a worker that starts in the morning runs nothing that expired overnight.
    pub async fn begin(
        store: &Retrying,
        executors: &[Arc<dyn Executor>],
        config: &Arc<WorkerConfig>,
        clock: &BootClock,
    ) -> Result<Self, QueueError> {
        // What is to be found under its name on engines and machines is the other's.
        if store.bears_anothers_name().await? {
            return Err(QueueError::BearsAnothersName);
        }
        housekeeping::expire(store).await?;
        let (shift, inbox, leftovers) = Shift::begin(store, executors, config, clock).await?;
        let crew = Self {
            shift: Arc::clone(&shift),
            attempts: Attempts::default(),
            background: Mutex::default(),
        };
        crew.in_background("finisher", finisher::run(store.clone(), inbox));
        let removing = removals::run(Arc::clone(&shift.removals), leftovers);
        crew.in_background("removals", removing);
        let sampling = sampling::run(Arc::clone(&shift.samplings), store.clone());
        crew.in_background("sampling", sampling);
        crew.in_background("heartbeat", heartbeat::run(Arc::clone(&shift)));
        crew.in_background("look-out", lookout::run(Arc::clone(&shift)));
        crew.in_background("cancel watch", cancels::run(Arc::clone(&shift)));
        crew.in_background("reconciling", reconcile::run(Arc::clone(&shift)));
        crew.in_background("look at the hosts", machines::run(Arc::clone(&shift)));
        let recovering = recovery::run(Arc::clone(&shift), crew.attempts.clone());
        crew.in_background("recovery", recovering);
        crew.in_background("orphans", recovery::look_for_orphans(Arc::clone(&shift)));
        let house = housekeeping::run(store.clone(), config.retention);
        crew.in_background("housekeeping", house);
        Ok(crew)
    }

    /// Starts the task of an acquired job, unless a drain has claimed it to hand it back.
    pub fn take(
        &self,
        served: &Arc<Served>,
        (lease, orders): (Lease, Orders),
        permit: Option<OwnedSemaphorePermit>,
        started: Option<oneshot::Sender<Result<(), LaunchFailure>>>,
    ) {
        if !self.shift.roll.claim(lease.key) {
            return;
        }
        let attempt = Attempt {
            lease,
            served: Arc::clone(served),
            orders,
            permit,
            started,
            taken: None,
        };
        self.attempts.spawn(attempt.run(Arc::clone(&self.shift)));
    }

    /// Gives back a lease that was claimed and never launched. The answer comes when that is
    /// stored; nobody has to wait for it.
    pub fn hand_back(&self, key: LeaseKey) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let shift = Arc::clone(&self.shift);
        self.attempts.spawn(async move {
            let finish = hand_back(key);
            let served = shift.roll.served(key);
            match shift.finisher.finish(finish.clone()).await {
                Some(
                    outcome @ (FinishOutcome::Finished
                    | FinishOutcome::Cancelled
                    | FinishOutcome::AlreadyFinished),
                ) => {
                    shift.tally.finished(&finish, outcome);
                    if let Some(served) = served {
                        served.meters.finished(&finish, outcome);
                    }
                    shift.roll.strike(key);
                }
                Some(FinishOutcome::LeaseLost) => {
                    shift.tally.change(|report| report.lost_leases += 1);
                    shift.roll.strike(key);
                }
                // On the roll for good: what the drain finds there is left to recovery.
                Some(FinishOutcome::Illegal(_)) | None => {}
            }
            let _ = tell.send(());
        });
        told
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
    /// What was acquired and not launched is handed back at once; what an acquisition brings that
    /// is still in flight, before the goodbye.
    ///
    /// Bounded, whatever the database and the executors do: the grace time, the stop grace of what
    /// is stopped (at most [`DRAIN_GRACE`], unless it was being stopped already), and about 25 s.
    pub async fn drain(&self, shutdown: &GracefulShutdown) {
        let shift = &self.shift;
        let begun = Instant::now();
        shift.now(Going::Draining);
        let by = shift.worker.0;
        let _ = point!("drain.begun", by).await;
        self.hand_back_held();
        let _ = point!("drain.held_back", by).await;
        self.in_background("drain notice", announce_drain(Arc::clone(shift)));
        let grace = shift.config.shutdown_timeout;
        tokio::select! {
            () = shift.roll.tracker.wait_until_none() => {}
            () = sleep(grace) => {}
            () = shutdown.forced() => {}
            () = shift.fenced() => {}
        }
        let _ = point!("drain.grace_over", by).await;
        let stop_wait = self.hand_over_or_stop();
        let all_ended = shift
            .roll
            .tracker
            .wait_for_completion(stop_wait + STORE_WAIT);
        if !all_ended.await {
            self.give_up().await;
        }
        // What an acquisition that the drain cut short had brought.
        let landed = timeout_at(begun + ACQUIRE_WAIT, shift.roll.all_landed()).await;
        if landed.is_err() {
            tracing::warn!("an acquisition is still without an answer");
        }
        let last_look = patiently("leases_of", || reconcile::once(shift));
        let _ = timeout(GOODBYE_WAIT, last_look).await;
        let mut attempts = self.attempts.take_all();
        let removals = async { while attempts.join_next().await.is_some() {} };
        if timeout(REMOVAL_WAIT, removals).await.is_err() {
            attempts.abort_all();
        }
        shift.removals.finish(REMOVAL_WAIT).await;
        let _ = point!("drain.before_goodbye", by).await;
        // Whatever it leaves alive may be taken over from now on.
        let goodbye = patiently("stop_worker", || shift.store.stop_worker(shift.worker));
        if !matches!(timeout(GOODBYE_WAIT, goodbye).await, Ok(Ok(()))) {
            tracing::warn!(
                worker.id = shift.worker.0,
                "could not say goodbye to the store"
            );
        }
        let _ = point!("drain.goodbye_said", by).await;
        let mut background = std::mem::take(&mut *lock(&self.background));
        background.shutdown().await;
    }

    /// What its caller has not launched yet never will be.
    fn hand_back_held(&self) {
        for key in self.shift.roll.claim_all() {
            if self.shift.going() == Going::Fenced {
                // Others' to judge.
                self.shift.tally.change(|report| report.lost_leases += 1);
                self.shift.roll.leave(key);
            } else {
                drop(self.hand_back(key));
            }
        }
    }

    /// What still runs goes on without us, or is stopped. Says how long that may take.
    fn hand_over_or_stop(&self) -> Duration {
        let mut wait = Duration::ZERO;
        let mut by_fate: BTreeMap<&str, u32> = BTreeMap::new();
        for (key, entry) in self.shift.roll.live() {
            if bug!("shutdown_requeues_running") {
                drop(self.hand_back(key));
            }
            if entry.served.survives_worker {
                entry.orders.give(Order::LeaveAlive);
                *by_fate.entry("left alive").or_default() += 1;
            } else {
                entry.orders.give(Order::Stop(StopReason::Drained));
                let is_ours = entry.orders.standing() == Order::Stop(StopReason::Drained);
                wait = wait.max(if is_ours {
                    entry.stop_grace.min(DRAIN_GRACE)
                } else {
                    entry.stop_grace // A stop for another reason is under way with all of it.
                });
                *by_fate.entry("stopped").or_default() += 1;
            }
        }
        if !by_fate.is_empty() {
            tracing::info!(?by_fate, "the grace time is over");
        }
        wait
    }

    /// The time is up. What could not be ended, or not be stored, is left to recovery.
    async fn give_up(&self) {
        // Ended before the rest is counted, so that an end which was stored just now counts once.
        let mut attempts = self.attempts.take_all();
        let _ = timeout(ABORT_WAIT, attempts.shutdown()).await;
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
