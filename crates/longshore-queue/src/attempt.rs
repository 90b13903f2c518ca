//! One attempt, from its lease to its stored end: the pipeline that each lease goes through.
//!
//! Owns that every lease of this worker meets exactly one of: its end stored, left alive, lost to
//! another, or left to recovery; also when the code here panics. The slot is held until then.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::{Disposition, after_attempt};
use longshore_core::executor::Capability;
use longshore_core::state::TerminalState;
use longshore_core::store::{Finish, FinishOutcome, Lease, TakenOver};
use longshore_fault::{bug, point};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use crate::launch::{Launch, Stopped};
use crate::machines::Placed;
use crate::manager::LaunchFailure;
use crate::metrics::{LaunchEnd, launch_end, take_overs};
use crate::orders::{Order, Orders};
use crate::progress::Progress;
use crate::served::Served;
use crate::shift::{Going, Shift};
use crate::status::Phase;
use crate::supervise::{DEFAULT_STOP_GRACE, Supervised, Supervision, grace_of, stop_for_good};

/// A lease and what goes with it.
pub(crate) struct Attempt {
    pub lease: Lease,
    pub served: Arc<Served>,
    pub orders: Orders,
    /// The slot that it takes, if its caller counts slots.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Who waits to hear whether it started.
    pub started: Option<oneshot::Sender<Result<(), LaunchFailure>>>,
    /// What is known of it, if another worker had it before.
    pub taken: Option<Box<TakenOver>>,
}

/// How an attempt ends, as far as this worker is concerned.
enum Ending {
    /// Record this; then remove what is left.
    Record(AttemptRecord, Option<Placed>),
    /// Write nothing.
    LetGo(Order),
    /// Write nothing, and let nobody else here do so: something of it may run.
    Unsure(&'static str),
}

/// What the store was told of an end.
enum Told {
    /// All of it: what is left may be removed.
    Stored,
    /// Nothing, for the lease is another's.
    LeaseLost,
    /// Nothing that is certain: its lease stands until recovery.
    Nothing,
}

impl Attempt {
    /// The whole pipeline, in a span that says whose log lines these are.
    pub async fn run(self, shift: Arc<Shift>) {
        let span = self.span(&shift);
        self.pipeline(shift).instrument(span).await;
    }

    /// At the level that workers log at: where only warnings are asked for, it is not made, and the lines
    /// name their jobs themselves. Nothing of the job's spec is in it: an environment has no place in logs.
    fn span(&self, shift: &Shift) -> Span {
        tracing::info_span!(
            "attempt",
            job.id = self.lease.key.job.0,
            attempt = self.lease.key.attempt.0,
            worker.id = shift.worker.0,
            queue = self.served.queue.name,
            executor = self.served.executor,
            host = field::Empty,
        )
    }

    /// Each outcome maps to one thing that is told to the store.
    async fn pipeline(mut self, shift: Arc<Shift>) {
        let key = self.lease.key;
        let progress = Progress::default();
        // Boxed: as a part of this future it would be moved with it.
        let live = AssertUnwindSafe(Box::pin(self.live(&shift, &progress))).catch_unwind();
        let live = live
            .await
            .map_err(|panic| message(panic.as_ref()).to_owned());
        if bug!("slot_kept_after_panic") && live.is_err() {
            self.permit
                .take()
                .into_iter()
                .for_each(OwnedSemaphorePermit::forget);
        }
        let concluded = AssertUnwindSafe(self.conclude(&shift, &progress, live)).catch_unwind();
        let leftover = concluded.await.unwrap_or_else(|panic| {
            let said = message(panic.as_ref());
            tracing::error!(
                job.id = key.job.0,
                panic = said,
                "the end of an attempt panicked"
            );
            self.unsure(&shift, "a defect in the worker");
            None
        });
        // The slot is free from here on: the lease is off the store, or not ours to count.
        drop(self.permit.take());
        progress.leaves_its_room();
        shift.look.ring();
        // What was taken over stays for a while as a tombstone, where a later look finds it.
        let leftover = leftover.filter(|placed| {
            self.taken.is_none()
                || bug!("tombstone_dropped")
                || !placed.machine.executor.has(Capability::FullListing)
        });
        if let Some(placed) = leftover {
            let _ = point!("finish.before_remove", key.job.0).await;
            // Off the hot path.
            shift.removals.remove(placed).await;
        }
    }

    /// Tells the store how it ended, if that is ours to tell. Names what is left to be removed.
    async fn conclude(
        &mut self,
        shift: &Shift,
        progress: &Progress,
        live: Result<Ending, String>,
    ) -> Option<Placed> {
        let ending = match live {
            Ok(ending) => ending,
            Err(said) => self.after_panic(shift, progress, &said).await,
        };
        match ending {
            Ending::Record(record, leftover) => {
                shift.roll.reached(self.lease.key, Phase::Finishing);
                match self.finish(shift, progress, record).await {
                    Told::Stored => leftover,
                    Told::LeaseLost => self.let_go(shift, progress, Order::Abandon).await,
                    Told::Nothing => None,
                }
            }
            Ending::LetGo(order) => self.let_go(shift, progress, order).await,
            Ending::Unsure(why) => {
                self.unsure(shift, why);
                None
            }
        }
    }

    /// Launches and supervises.
    async fn live(&mut self, shift: &Arc<Shift>, progress: &Progress) -> Ending {
        let _ = point!("launch.begun", self.lease.key.job.0).await;
        let spec = match &self.lease.spec {
            Ok(spec) => spec.clone(),
            Err(problem) => {
                let why = format!("the stored spec can't be read: {problem}");
                self.report(Err(&why));
                self.note_launch_end(LaunchEnd::Failed, Instant::now());
                let record = AttemptRecord::launch_failed(ErrorClass::Permanent, why);
                return Ending::Record(record, None);
            }
        };
        let launch = Launch {
            shift,
            lease: &self.lease,
            spec: &spec,
            served: &self.served,
            orders: &self.orders,
            progress,
        };
        let begun = Instant::now();
        let launched = match &self.taken {
            None => launch.run().await,
            Some(taken) => launch.adopt(taken).await,
        };
        self.note_launch_end(launch_end(&launched), begun);
        let container = match launched {
            Ok(container) => container,
            Err(Stopped::Over(record, leftover)) => {
                let why = record.error.as_ref().map_or_else(
                    || record.outcome.as_str().replace('_', " "),
                    |error| error.text.clone(),
                );
                self.report(Err(&why));
                return Ending::Record(*record, leftover);
            }
            Err(Stopped::LetGo(order)) => {
                self.report(Err("the lease was lost"));
                return Ending::LetGo(order);
            }
            Err(Stopped::Unsure(why)) => {
                self.report(Err(why));
                return Ending::Unsure(why);
            }
        };
        shift.roll.reached(self.lease.key, Phase::Running);
        shift.tally.change(|report| report.launched += 1);
        tracing::debug!("its program runs");
        self.report(Ok(()));
        let (placed, ran_for) = (container.placed.clone(), container.ran_for);
        let supervision = Supervision {
            shift,
            lease: &self.lease,
            spec: &spec,
            orders: &self.orders,
        };
        let runs_since = Instant::now();
        match supervision.run(container).await {
            Supervised::Ended(record) => {
                self.served.meters.ran(ran_for + runs_since.elapsed());
                Ending::Record(record, Some(placed))
            }
            Supervised::LetGo(order) => Ending::LetGo(order),
        }
    }

    /// Counts how its launch, or its continuation, came to its end.
    fn note_launch_end(&self, end: LaunchEnd, begun: Instant) {
        match &self.taken {
            None => self.served.meters.launched(end, begun.elapsed()),
            Some(_) => take_overs(end).increment(1),
        }
    }

    /// Stores the end.
    async fn finish(&self, shift: &Shift, progress: &Progress, record: AttemptRecord) -> Told {
        let key = self.lease.key;
        let record = AttemptRecord {
            template_versions: progress.templates(),
            ..record
        };
        let then = match &self.lease.spec {
            Ok(spec) => after_attempt(spec, &record, self.lease.spent, rand::random()),
            Err(_) => Disposition::Settle(TerminalState::Failed),
        };
        let finish = Finish {
            lease: key,
            record,
            then,
        };
        let _ = point!("finish.before_hand_in", key.job.0).await;
        // Waits while the database is away: the slot is taken until the end is stored.
        match shift.finisher.finish(finish.clone()).await {
            Some(
                outcome @ (FinishOutcome::Finished
                | FinishOutcome::Cancelled
                | FinishOutcome::AlreadyFinished),
            ) => {
                shift.tally.finished(&finish, outcome);
                self.served.meters.finished(&finish, outcome);
                let outcome = finish.record.outcome.as_str();
                tracing::debug!(outcome, "its end is stored");
                shift.roll.strike(key);
                Told::Stored
            }
            Some(FinishOutcome::LeaseLost) => Told::LeaseLost,
            Some(FinishOutcome::Illegal(illegal)) => {
                // A defect of ours. On the roll for good, like an end that is not stored.
                tracing::error!(
                    job.id = key.job.0,
                    error = %illegal,
                    "its end was refused; recovery will find it"
                );
                Told::Nothing
            }
            None => {
                // On the roll for good: its lease is ours, and nobody may hand it back unproved.
                tracing::error!(
                    job.id = key.job.0,
                    "its end is not stored; recovery will find it"
                );
                Told::Nothing
            }
        }
    }

    /// Lets go of the attempt, from wherever it had come to; nothing is written for it any more.
    ///
    /// A container that can outlive its worker is left alone. One that can't must not run beside
    /// the attempt that may follow, and nobody else can end or remove it: so it is stopped, and
    /// named as left over.
    async fn let_go(&self, shift: &Shift, progress: &Progress, order: Order) -> Option<Placed> {
        let is_ours = order == Order::Abandon && !self.served.survives_worker;
        let leftover = progress.container().filter(|_| is_ours);
        if let Some(placed) = &leftover
            && progress.may_run()
        {
            stop_for_good(shift, placed, self.stop_grace()).await;
        }
        self.note_let_go(shift, order);
        leftover
    }

    /// Notes that nothing is written for this attempt any more.
    fn note_let_go(&self, shift: &Shift, order: Order) {
        let key = self.lease.key;
        let (job, attempt, worker) = (key.job.0, key.attempt.0, shift.worker.0);
        if order == Order::LeaveAlive {
            tracing::info!(
                job.id = job,
                attempt,
                worker.id = worker,
                "left running for others"
            );
            shift.tally.change(|report| report.left_alive += 1);
            shift.roll.leave(key);
        } else {
            tracing::info!(
                job.id = job,
                attempt,
                worker.id = worker,
                "the lease was lost"
            );
            shift.tally.change(|report| report.lost_leases += 1);
            if shift.going() == Going::Fenced {
                // Not each of our leases may have been taken over yet: none is to be handed back.
                shift.roll.leave(key);
            } else {
                shift.roll.strike(key);
            }
        }
    }

    /// Notes that its lease stands until recovery has looked, unless it is accounted for already.
    fn unsure(&self, shift: &Shift, why: &str) {
        let key = self.lease.key;
        if shift.roll.leave(key) {
            tracing::error!(job.id = key.job.0, why, "its lease stands until recovery");
            shift.tally.change(|report| report.unfinished += 1);
        }
    }

    fn stop_grace(&self) -> Duration {
        let spec = self.lease.spec.as_ref().ok();
        spec.map_or(DEFAULT_STOP_GRACE, |spec| grace_of(spec))
    }

    /// The code above panicked: a defect. Nothing is recorded before nothing runs; then the
    /// attempt counts as a failed launch or, if its container may have run, as lost: both are
    /// bounded, so that a job that always does this does not come back for ever.
    async fn after_panic(&mut self, shift: &Shift, progress: &Progress, said: &str) -> Ending {
        let text = format!("a defect in the worker: {said}");
        tracing::error!(job.id = self.lease.key.job.0, panic = %text, "a supervising task panicked");
        self.report(Err(&text));
        let mut record = AttemptRecord::launch_failed(ErrorClass::Unknown, text);
        let Some(placed) = progress.container() else {
            return Ending::Record(record, None);
        };
        if progress.may_run() {
            let grace = self.stop_grace();
            tokio::select! {
                () = stop_for_good(shift, &placed, grace) => {}
                order = self.orders.let_go() => return Ending::LetGo(order),
            }
            record.outcome = Outcome::Vanished;
            record.started = true;
        }
        Ending::Record(record, Some(placed))
    }

    /// Tells whoever waits whether it started.
    fn report(&mut self, started: Result<(), &str>) {
        if let Some(waiting) = self.started.take() {
            let job = self.lease.key.job;
            let problem = |text: &str| LaunchFailure {
                job,
                problem: text.to_owned(),
            };
            // Whoever asked may have gone; the attempt goes on without them.
            let _ = waiting.send(started.map_err(problem));
        }
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}
