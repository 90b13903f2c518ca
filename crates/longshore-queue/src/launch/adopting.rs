//! An attempt that another worker had: continued from wherever that one had come to (PROTOCOL
//! section 5).
//!
//! Owns that it is looked before anything is done, and that what is not proved is waited for: a
//! container that may run is never replaced, and an attempt whose container may have ended by itself
//! is never called lost.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::{AttemptError, AttemptRecord, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::CRASH_BUDGET;
use longshore_core::executor::{ContainerIdentity, ExecutorError, Fate};
use longshore_core::host::Demand;
use longshore_core::output::Checkpoint;
use longshore_core::retry::Backoff;
use longshore_core::store::{Launched, TakenOver};
use longshore_fault::{bug, point};
use tokio::time::{Instant, sleep};
use tracing::Span;

use super::{Container, Launch, Stopped};
use crate::machines::{Machine, Placed};
use crate::orders::{Order, StopReason};
use crate::supervise::{grace_of, stop_for_good};

/// Between two looks at a container whose host can't say what became of it. Not bounded in number:
/// the end of the lease or of the worker ends it, or a person's word that the host is gone.
const LOOK_AGAIN: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(200),
    max: Duration::from_secs(5),
};

impl Launch<'_> {
    /// Continues it: its container is watched, wherever it is by now; or the attempt begins anew; or
    /// it is lost, proved so.
    pub async fn adopt(&self, taken: &TakenOver) -> Result<Container, Stopped> {
        let job = self.lease.key.job.0;
        let _ = point!("adopt.begun", job).await;
        if taken.cancel_requested {
            self.orders.give(Order::Stop(StopReason::Cancelled));
        }
        if bug!("requeue_on_expiry") {
            return Err(super::over(Outcome::HandedBack));
        }
        if taken.is_host_gone {
            return Err(lost(Outcome::HostLost, "its host is gone", taken));
        }
        if self.served.is_in_process {
            let why = "it ran within its worker, and ended with it";
            return Err(lost(Outcome::Vanished, why, taken));
        }
        let Some(launched) = &taken.launched else {
            // No handle: no start was sent, nor will be by anybody whose lease this was.
            return self.launch_anew(taken).await;
        };
        let machine = self.machine_of(launched).await?;
        let placed = Placed {
            handle: launched.handle.clone(),
            machine: Arc::clone(&machine),
        };
        self.progress.created(&placed);
        self.progress.starting();
        self.progress.counted(machine.adopt(Demand::of(self.spec)));
        Span::current().record("host", machine.name());
        self.shift.roll.placed(self.lease.key, machine.name());
        let mut looks = 0;
        loop {
            let why = match self.fate_of(&placed, taken).await {
                // What an engine says of an end before its host started anew is not the job's own.
                Ok(Fate::Exited) if is_of_another_boot(&machine, launched) => {
                    let why = "its host has started anew since";
                    let record = loss(Outcome::HostLost, why, taken);
                    return Err(Stopped::Over(Box::new(record), Some(placed)));
                }
                // Created counts too: its worker may start it yet, and nobody else can remove it.
                Ok(Fate::Created | Fate::Running) if !machine.executor.survives_worker() => {
                    return self.end_what_cannot_be_adopted(&placed, taken).await;
                }
                Ok(Fate::Running | Fate::Exited) => {
                    let _ = point!("adopt.before_watch", job).await;
                    match self.watch_on(&placed, taken).await {
                        Ok(container) => return Ok(container),
                        Err(error) if error.class == ErrorClass::Permanent => {
                            return Err(self.end_unwatched(&placed, &error).await);
                        }
                        Err(error) => error.to_string(),
                    }
                }
                Ok(Fate::Created) if bug!("start_anothers_created") => {
                    return self.bring_up(placed, true).await;
                }
                Ok(Fate::Created) => {
                    let _ = point!("adopt.before_replace", job).await;
                    // Without force: its success proves that it never runs, whoever may still ask.
                    match machine.executor.forget(&placed.handle).await {
                        Ok(()) => return self.replace(&placed, taken).await,
                        Err(error) => error.to_string(),
                    }
                }
                Ok(Fate::Gone) => {
                    self.progress.removed();
                    return Err(if is_of_another_boot(&machine, launched) {
                        lost(Outcome::HostLost, "its host has started anew since", taken)
                    } else {
                        lost(Outcome::Vanished, "its container is gone", taken)
                    });
                }
                Ok(Fate::Unknown(why)) => why,
                Err(error) => error.to_string(),
            };
            looks += 1;
            self.say_that_it_waits(looks, &why).await;
            tokio::select! {
                order = self.orders.let_go() => return Err(Stopped::LetGo(order)),
                () = sleep(LOOK_AGAIN.delay(looks, rand::random())) => {}
            }
        }
    }

    /// Nothing of it was ever started: the same attempt once more, unless workers have died of it too
    /// often.
    async fn launch_anew(&self, taken: &TakenOver) -> Result<Container, Stopped> {
        if taken.orphaned > CRASH_BUDGET {
            return Err(lost(
                Outcome::Vanished,
                "its workers died launching it",
                taken,
            ));
        }
        self.run().await
    }

    /// It was created and never started, and is removed: another takes its place, on the host that
    /// counts it already.
    async fn replace(&self, old: &Placed, taken: &TakenOver) -> Result<Container, Stopped> {
        self.progress.removed();
        self.progress.not_starting();
        if taken.orphaned > CRASH_BUDGET {
            return Err(lost(
                Outcome::Vanished,
                "its workers died launching it",
                taken,
            ));
        }
        let env = self.environment().await?;
        self.check_may_start()?;
        let (placed, is_new) = self.create(&old.machine, env).await?;
        self.progress.created(&placed);
        if !is_new {
            self.progress.starting();
        }
        if self.fence(&placed, is_new).await? {
            return self.bring_up(placed, is_new).await;
        }
        // Only a host that does not count it yet refuses it: it was moved by hand.
        Err(self.undo(&placed, super::over(Outcome::HandedBack)).await)
    }

    /// Watches on from where its output is stored.
    async fn watch_on(
        &self,
        placed: &Placed,
        taken: &TakenOver,
    ) -> Result<Container, ExecutorError> {
        let checkpoint = Checkpoint::from_stored(taken.output.resume.as_ref());
        let executor = &placed.machine.executor;
        let watch = executor
            .watch(&placed.handle, checkpoint.at.clone())
            .await?;
        let ran_for = taken.started_at.map_or(Duration::ZERO, |started| {
            let ran_for = taken.taken_at.duration_since(started);
            Duration::try_from(ran_for).unwrap_or_default()
        });
        Ok(Container {
            placed: placed.clone(),
            watch,
            ran_for,
            so_far: Some((checkpoint, taken.output.clone())),
        })
    }

    /// It can't be watched on, for its worker held its output: it is ended, whoever else may still
    /// have it, and proved so before the attempt counts as lost.
    async fn end_what_cannot_be_adopted(
        &self,
        placed: &Placed,
        taken: &TakenOver,
    ) -> Result<Container, Stopped> {
        let grace = grace_of(self.spec);
        tokio::select! {
            () = stop_for_good(self.shift, placed, grace) => {}
            order = self.orders.let_go() => return Err(Stopped::LetGo(order)),
        }
        self.progress.removed();
        Err(lost(
            Outcome::Vanished,
            "its worker died, and it could not go on without",
            taken,
        ))
    }

    async fn fate_of(&self, placed: &Placed, taken: &TakenOver) -> Result<Fate, ExecutorError> {
        let identity = ContainerIdentity {
            instance: self.shift.instance.clone(),
            job: self.lease.key.job,
            attempt: self.lease.key.attempt,
            token: taken.last_token,
        };
        let machine = &placed.machine;
        machine
            .executor
            .fate(&placed.handle, identity, machine.identity())
            .await
    }

    /// The host that it is on, once this worker reaches it: it said that it does.
    async fn machine_of(&self, launched: &Launched) -> Result<Arc<Machine>, Stopped> {
        let began = Instant::now();
        let mut listener = self.shift.machines.listen();
        loop {
            listener.looking();
            if let Some(machine) = self.shift.machines.with_id(launched.host) {
                return Ok(machine);
            }
            if began.elapsed() > self.shift.config.lease_ttl {
                return Err(Stopped::Unsure("its host is not reached any more"));
            }
            tokio::select! {
                order = self.orders.let_go() => return Err(Stopped::LetGo(order)),
                () = listener.rung() => {}
                () = sleep(self.shift.config.poll_interval) => {}
            }
        }
    }

    async fn say_that_it_waits(&self, looks: u32, why: &str) {
        if looks == 1 {
            let job = self.lease.key.job.0;
            tracing::warn!(
                job.id = job,
                why,
                "can't tell yet what became of its container"
            );
        }
        self.note(&format!("waiting for its host: {why}")).await;
    }
}

/// Whether the host has started anew since the handle was stored.
fn is_of_another_boot(machine: &Machine, launched: &Launched) -> bool {
    let then = launched.boot_id.as_deref();
    then.is_some_and(|then| then != machine.boot_id())
}

/// The attempt is lost; whether its job runs again is the crash budget's to say.
fn lost(outcome: Outcome, why: &str, taken: &TakenOver) -> Stopped {
    Stopped::Over(Box::new(loss(outcome, why, taken)), None)
}

fn loss(outcome: Outcome, why: &str, taken: &TakenOver) -> AttemptRecord {
    let mut record = AttemptRecord::of(outcome);
    record.started = taken.started_at.is_some();
    record.error = Some(AttemptError {
        class: ErrorClass::Unknown,
        text: format!("lost with worker {}: {why}", taken.from),
    });
    record
}
