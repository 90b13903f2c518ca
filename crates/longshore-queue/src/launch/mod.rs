//! From a lease to a running container: PROTOCOL section 4, step by step.
//!
//! Owns the order: create, store the handle (the fence), watch, start at most once. Whatever goes
//! wrong before the start leaves nothing behind that could run. Never decides what follows a
//! failure.

mod adopting;
mod placing;
mod prepare;
mod undo;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::JobSpec;
use longshore_core::attempt::{AttemptRecord, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{ContainerIdentity, Ensured, ExecutorError, LaunchRequest, Watch};
use longshore_core::host::Demand;
use longshore_core::output::{Checkpoint, StoredUpTo};
use longshore_core::spec::EnvValue;
use longshore_core::store::{
    FenceOutcome, Lease, Leases as _, Registry as _, StoreError, StoreResult,
};
use longshore_core::template::{parse_template, resolve_env};
use longshore_fault::{bug, point};
use tokio::time::sleep;

use crate::fault::unanswered;
use crate::machines::{Machine, Placed};
use crate::orders::{Order, Orders, StopReason};
use crate::patience::patiently;
use crate::progress::Progress;
use crate::served::Served;
use crate::shift::{Going, Shift};

/// Between two looks at whether a launch is still worth an answer of the store, once the shift
/// is about to end.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What a launch needs to know.
pub(crate) struct Launch<'a> {
    pub shift: &'a Arc<Shift>,
    pub lease: &'a Lease,
    pub spec: &'a JobSpec,
    pub served: &'a Served,
    pub orders: &'a Orders,
    pub progress: &'a Progress,
}

/// A launch that went no further.
pub(crate) enum Stopped {
    /// It never ran, and the attempt is over; here is what is to be recorded, and a container that
    /// is still to be removed.
    Over(Box<AttemptRecord>, Option<Placed>),
    /// There is nothing to write: the lease is another's, or stays for others. A container that is
    /// there is as it was.
    LetGo(Order),
    /// Something of this attempt may run that is not ours to watch or to stop: its lease has to
    /// stand until recovery has looked.
    Unsure(&'static str),
}

/// A container that runs.
pub(crate) struct Container {
    pub placed: Placed,
    pub watch: Watch,
    /// For how long it had run before, under another worker.
    pub ran_for: Duration,
    /// Where its output goes on, and how much of it another worker has stored.
    pub so_far: Option<(Checkpoint, StoredUpTo)>,
}

impl Launch<'_> {
    /// Launches: the container runs, or ran, and is watched. What a launch that goes no further
    /// leaves behind is named in its answer.
    pub async fn run(&self) -> Result<Container, Stopped> {
        let env = self.environment().await?;
        self.check_may_start()?;

        let (placed, is_new) = self.place(env).await?;
        self.bring_up(placed, is_new).await
    }

    /// Watches a container whose handle is stored, and starts it if it is new.
    async fn bring_up(&self, placed: Placed, is_new: bool) -> Result<Container, Stopped> {
        let Placed { machine, handle } = &placed;
        let executor = &machine.executor;

        // Before the start, so that neither the first byte nor a quick end is missed.
        let watch = match executor.watch(handle, None).await {
            Ok(watch) => watch,
            Err(error) if is_new => return Err(self.undo(&placed, failed_by(&error)).await),
            Err(error) => return Err(self.end_unwatched(&placed, &error).await),
        };
        let job = self.lease.key.job.0;
        let _ = point!("launch.watched", job).await;
        if is_new {
            if let Err(stopped) = self.check_may_start() {
                return Err(self.undo(&placed, stopped).await);
            }
            self.progress.starting();
            let _ = point!("launch.before_start", job).await;
            let started = executor.start(handle).await;
            // Failed, it is a start that was sent and not answered.
            let answered = point!("launch.started", job).await;
            if let Err(error) = started.and_then(|()| answered.map_err(lost_answer)) {
                self.after_failed_start(&placed, &error).await?;
            }
        }
        Ok(Container {
            placed,
            watch,
            ran_for: Duration::ZERO,
            so_far: None,
        })
    }

    /// The environment with its templates resolved; the versions used are noted.
    async fn environment(&self) -> Result<BTreeMap<String, EnvValue>, Stopped> {
        let names = &self.spec.env_templates;
        if names.is_empty() {
            return Ok(self.spec.env.clone());
        }
        let found = self
            .while_useful("templates_named", || {
                self.shift.store.templates_named(names)
            })
            .await?
            .map_err(|error| failed(class_of(&error), &error))?;
        let mut sources = Vec::with_capacity(found.len());
        let mut versions = BTreeMap::new();
        for template in found {
            let name = &template.name;
            let source = parse_template(&template.body).map_err(|error| {
                failed(
                    ErrorClass::Permanent,
                    &format!("template {name:?}: {error}"),
                )
            })?;
            sources.push(source);
            versions.insert(template.name, template.version);
        }
        self.progress.resolved(versions);
        Ok(resolve_env(&sources, &self.spec.env))
    }

    /// Creates the container, unless the attempt has one. Says whether it was never started. What
    /// the spec asks for and the executor can't do, the executor refuses by name.
    async fn create(
        &self,
        machine: &Arc<Machine>,
        env: BTreeMap<String, EnvValue>,
    ) -> Result<(Placed, bool), Stopped> {
        let key = self.lease.key;
        let request = LaunchRequest {
            identity: ContainerIdentity {
                instance: self.shift.instance.clone(),
                job: key.job,
                attempt: key.attempt,
                token: key.token,
            },
            spec: self.spec.clone(),
            env,
        };
        self.prepare(machine, &request).await?;
        let _ = point!("launch.before_create", key.job.0).await;
        let (handle, is_new) = match machine.executor.ensure(request).await {
            Ok(Ensured::Created(handle)) => (handle, true),
            Ok(Ensured::Running(handle) | Ensured::Exited(handle)) => (handle, false),
            Ok(Ensured::Superseded) => {
                let why = "a container of a higher token is there";
                return Err(Stopped::Unsure(why));
            }
            Err(error) => {
                if error.is_transient() {
                    self.shift.machines.suspect();
                }
                return Err(failed_by(&error));
            }
        };
        let _ = point!("launch.created", key.job.0).await;
        let machine = Arc::clone(machine);
        Ok((Placed { machine, handle }, is_new))
    }

    /// Stores the handle. Only a lease that is still ours gets past here, so whoever takes it over
    /// without finding a handle knows that nothing was started.
    ///
    /// False when the host takes it no more: then nothing is stored.
    async fn fence(&self, placed: &Placed, is_new: bool) -> Result<bool, Stopped> {
        let mark = || async {
            let (key, host) = (self.lease.key, placed.machine.id);
            let demand = Demand::of(self.spec);
            let store = &self.shift.store;
            unanswered(
                "mark_launched",
                point!("launch.before_fence", key.job.0).await,
            )?;
            let answer = store.mark_launched(key, host, &placed.handle, demand).await;
            unanswered("mark_launched", point!("launch.fenced", key.job.0).await)?;
            answer
        };
        let stopped = match self.while_useful("mark_launched", mark).await {
            Ok(Ok(FenceOutcome::Stored)) => return Ok(true),
            Ok(Ok(FenceOutcome::CancelRequested)) if !is_new => {
                // It runs: supervision stops it like any other.
                self.orders.give(Order::Stop(StopReason::Cancelled));
                return Ok(true);
            }
            Ok(Ok(FenceOutcome::CancelRequested)) => over(Outcome::Cancelled),
            Ok(Ok(FenceOutcome::Lost)) => Stopped::LetGo(Order::Abandon),
            Ok(Ok(FenceOutcome::HostDisabled | FenceOutcome::HostFull(_))) if is_new => {
                return Ok(false);
            }
            Ok(Ok(FenceOutcome::HostDisabled | FenceOutcome::HostFull(_))) => {
                over(Outcome::HandedBack)
            }
            Ok(Err(error)) => failed(class_of(&error), &error),
            Err(stopped) => stopped,
        };
        if is_new {
            return Err(self.undo(placed, stopped).await);
        }
        // It runs already: there is no way back from that by recording a failed launch.
        Err(match stopped {
            Stopped::LetGo(order) => Stopped::LetGo(order),
            Stopped::Over(..) | Stopped::Unsure(_) => {
                Stopped::Unsure("a container runs and its handle could not be stored")
            }
        })
    }

    /// Whether the launch may go on: nobody wants its end, the worker takes on work, and its
    /// heartbeats are young enough that no other can have taken over.
    fn check_may_start(&self) -> Result<(), Stopped> {
        match self.orders.standing() {
            Order::Abandon => return Err(Stopped::LetGo(Order::Abandon)),
            Order::Stop(reason) => return Err(over(reason.outcome())),
            Order::LeaveAlive => return Err(over(Outcome::HandedBack)),
            Order::CarryOn => {}
        }
        match self.shift.going() {
            Going::On | Going::AskedToDrain => {}
            Going::Draining | Going::Faulted(_) => return Err(over(Outcome::HandedBack)),
            Going::Fenced => return Err(Stopped::LetGo(Order::Abandon)),
        }
        if self.shift.liveness.may_be_fenced() && !bug!("not_after_dropped") {
            let job = self.lease.key.job.0;
            tracing::warn!(
                job.id = job,
                "not launched: the last heartbeat is too long ago"
            );
            return Err(over(Outcome::HandedBack));
        }
        Ok(())
    }

    /// Asks the store for as long as an answer can still lead to a start.
    async fn while_useful<T, Fut>(
        &self,
        what: &'static str,
        call: impl FnMut() -> Fut,
    ) -> Result<StoreResult<T>, Stopped>
    where
        Fut: Future<Output = StoreResult<T>>,
    {
        tokio::select! {
            biased;
            answer = patiently(what, call) => Ok(answer),
            stopped = self.until_useless() => Err(stopped),
        }
    }

    /// Waits until the launch may not go on any more. Cancellation-safe.
    async fn until_useless(&self) -> Stopped {
        loop {
            if let Err(stopped) = self.check_may_start() {
                return stopped;
            }
            tokio::select! {
                _ = self.orders.other_than(Order::CarryOn) => {}
                _ = self.shift.ending() => sleep(LOOK_AGAIN).await,
                // For the age of the heartbeat, which nobody announces.
                () = sleep(self.shift.config.heartbeat_interval) => {}
            }
        }
    }
}

fn over(outcome: Outcome) -> Stopped {
    Stopped::Over(Box::new(AttemptRecord::of(outcome)), None)
}

fn failed(class: ErrorClass, why: &impl std::fmt::Display) -> Stopped {
    Stopped::Over(
        Box::new(AttemptRecord::launch_failed(class, why.to_string())),
        None,
    )
}

/// Of a start that a test let go through and answered with an error.
fn lost_answer(injected: longshore_fault::Injected) -> ExecutorError {
    ExecutorError::new(ErrorClass::Transient, "start", injected.to_string())
}

fn failed_by(error: &ExecutorError) -> Stopped {
    failed(error.class, error)
}

/// What the store refuses it will refuse again; what it could not do, it may.
fn class_of(error: &StoreError) -> ErrorClass {
    if error.is_systems_fault() {
        ErrorClass::Unknown
    } else {
        ErrorClass::Permanent
    }
}
