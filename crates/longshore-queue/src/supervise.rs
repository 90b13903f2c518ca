//! Watches a running container to its end.
//!
//! Owns the timeouts, the stopping (TERM, grace, KILL: the executor's), and the record of how it
//! ended. Never decides what follows ([`longshore_core::disposition`]), and never writes once the
//! lease is another's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Fuse};
use longshore_core::JobSpec;
use longshore_core::attempt::{AttemptError, AttemptRecord, Outcome};
use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Ended, ExecutorError, Watch};
use longshore_core::retry::Backoff;
use longshore_core::spec::Timeout;
use longshore_core::store::{Lease, LeaseStatus, Leases as _};
use longshore_fault::point;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::fault::unanswered;
use crate::launch::Container;
use crate::machines::Placed;
use crate::orders::{Order, Orders, StopReason};
use crate::patience::patiently;
use crate::pump::{Pump, Pumped};
use crate::shift::Shift;

/// How long a container may run when its spec does not say.
const DEFAULT_RUN_TIMEOUT: Duration = Duration::from_hours(1);
/// How long it has between TERM and KILL when its spec does not say.
pub(crate) const DEFAULT_STOP_GRACE: Duration = Duration::from_secs(10);
/// How long it has at most when it is stopped because its worker drains: a job can't hold up a
/// shutdown for as long as it likes, and a worker that is killed for that could hand nothing back.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(30);
/// How long the end of a container that was stopped may take to be told. Shorter than a drain
/// waits for the record of it.
const END_AFTER_STOP: Duration = Duration::from_secs(4);

/// How long a job of this process runs before the store is told that it does.
const NOTE_AFTER: Duration = Duration::from_millis(100);

/// Between two tries of a stop that failed. Not bounded in number: a container whose end is not
/// proved still holds its slot. Its supervisor's own end ends it.
const STOP_AGAIN: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(200),
    max: Duration::from_secs(5),
};

/// What supervision needs to know.
pub(crate) struct Supervision<'a> {
    pub shift: &'a Arc<Shift>,
    pub lease: &'a Lease,
    pub spec: &'a JobSpec,
    pub orders: &'a Orders,
}

/// How supervision ended.
pub(crate) enum Supervised {
    /// The container has ended; this is to be recorded.
    Ended(AttemptRecord),
    /// Let go of: nothing is to be recorded.
    LetGo(Order),
}

impl Supervision<'_> {
    /// Watches to the end, or until told to let go.
    pub async fn run(&self, container: Container) -> Supervised {
        let Container {
            placed,
            watch,
            ran_for,
            so_far,
        } = container;
        let Watch { output, end } = watch;
        let key = self.lease.key;
        let samplings = &self.shift.samplings;
        let sampled = samplings.begin(key, placed.clone(), ran_for, so_far.is_some());
        let (tell_ended, has_ended) = watch::channel(false);
        let mut pump = self.pump();
        if let Some((checkpoint, stored)) = so_far {
            pump = pump.resumed(checkpoint, &stored);
        }
        let pump = pump.run(output, has_ended).fuse();
        tokio::pin!(pump);

        let mut pumped = None;
        let (ended, stopped_for) = match self
            .until_end(&placed, ran_for, end, pump.as_mut(), &mut pumped)
            .await
        {
            Ok(ended) => ended,
            Err(order) => return Supervised::LetGo(order),
        };
        // What comes now may take long, and is not the container's.
        drop(sampled);
        let job = self.lease.key.job.0;
        let _ = point!("supervise.ended", job).await;
        tell_ended.send_replace(true);
        let pumped = if let Some(pumped) = pumped {
            pumped
        } else {
            tokio::select! {
                biased;
                pumped = &mut pump => pumped,
                order = self.orders.let_go() => return Supervised::LetGo(order),
            }
        };
        let _ = point!("supervise.pumped", job).await;
        // The last bytes may have been answered with "this lease is another's". One that was to be
        // left alive has nothing alive any more, and can as well be finished.
        if self.orders.standing() == Order::Abandon {
            return Supervised::LetGo(Order::Abandon);
        }
        Supervised::Ended(record(ended, stopped_for, pumped))
    }

    /// Waits for the container's end, and stops it when that is asked for. An error is the order
    /// to let go.
    async fn until_end(
        &self,
        placed: &Placed,
        ran_for: Duration,
        mut end: BoxFuture<'static, Result<Ended, ExecutorError>>,
        mut pump: std::pin::Pin<&mut Fuse<impl Future<Output = Pumped>>>,
        pumped: &mut Option<Pumped>,
    ) -> Result<(Result<Ended, ExecutorError>, Option<StopReason>), Order> {
        let marking = self.mark_running(placed).fuse();
        tokio::pin!(marking);
        let stopping = Fuse::terminated();
        tokio::pin!(stopping);
        let run_limit = self
            .spec
            .run_timeout
            .unwrap_or(Timeout::After(DEFAULT_RUN_TIMEOUT));
        let left = run_limit.limit().map(|limit| limit.saturating_sub(ran_for));
        let run_deadline = left.map(|left| Instant::now() + left);
        let mut known = Order::CarryOn;
        let mut end_due = None;
        loop {
            tokio::select! {
                // In this order: a container that ended by itself was not stopped, whatever was
                // asked in the same moment.
                biased;
                ended = &mut end => {
                    return match ended {
                        Ok(ended) => Ok((Ok(ended), stop_reason(known))),
                        Err(error) => self.out_of_sight(placed, error, stop_reason(known)).await,
                    };
                }
                order = self.orders.other_than(known) => {
                    match order {
                        Order::CarryOn => {}
                        Order::Stop(reason) => {
                            // A second reason changes the record, not the stopping.
                            if stop_reason(known).is_none() {
                                stopping.set(self.stop(placed, Some(reason)).fuse());
                            }
                        }
                        Order::LeaveAlive | Order::Abandon => return Err(order),
                    }
                    known = order;
                }
                () = &mut stopping => end_due = Some(Instant::now() + END_AFTER_STOP),
                () = at(end_due) => {
                    let problem = "its end was not told, although it was stopped";
                    let error = ExecutorError::new(ErrorClass::Unknown, "wait", problem);
                    return Ok((Err(error), stop_reason(known)));
                }
                () = &mut marking => {}
                done = pump.as_mut() => *pumped = Some(done),
                () = at(run_deadline), if known == Order::CarryOn => {
                    self.orders.give(Order::Stop(StopReason::RunTimeout));
                }
            }
        }
    }

    /// Tells the store that the container runs. A store that is away hears of it when it is back;
    /// should the container end first, its record says that it was started.
    async fn mark_running(&self, placed: &Placed) {
        let key = self.lease.key;
        if placed.machine.executor.is_in_process() {
            // Most have ended by then: what would be a write for each job is none.
            sleep(NOTE_AFTER).await;
        }
        let marked = patiently("mark_running", || async {
            unanswered(
                "mark_running",
                point!("supervise.before_mark", key.job.0).await,
            )?;
            let answer = self.shift.store.mark_running(key).await;
            unanswered("mark_running", point!("supervise.marked", key.job.0).await)?;
            answer
        })
        .await;
        match marked {
            Ok(status @ (LeaseStatus::CancelRequested | LeaseStatus::Lost)) => {
                self.orders.heed(status);
            }
            Ok(LeaseStatus::Held) => {}
            Err(error) => {
                tracing::error!(job.id = key.job.0, error = %error, "could not note the start");
            }
        }
    }

    /// The watch broke. Nothing may be recorded before it is certain that nothing runs: so the
    /// container is stopped, and the attempt counts as lost; unless it was being stopped already,
    /// for a reason that stays true.
    async fn out_of_sight(
        &self,
        placed: &Placed,
        error: ExecutorError,
        stopped_for: Option<StopReason>,
    ) -> Result<(Result<Ended, ExecutorError>, Option<StopReason>), Order> {
        let job = self.lease.key.job.0;
        tracing::error!(job.id = job, error = %error, "the executor lost sight of a container");
        tokio::select! {
            () = self.stop(placed, stopped_for) => Ok((Err(error), stopped_for)),
            order = self.orders.let_go() => Err(order),
        }
    }

    async fn stop(&self, placed: &Placed, reason: Option<StopReason>) {
        let grace = match reason {
            Some(StopReason::Drained) => grace_of(self.spec).min(DRAIN_GRACE),
            _ => grace_of(self.spec),
        };
        stop_for_good(self.shift, placed, grace).await;
    }

    fn pump(&self) -> Pump {
        Pump::new(
            self.shift.store.clone(),
            self.lease.key,
            self.orders.clone(),
            self.shift.config.output_cap_bytes,
            self.spec.no_output_timeout.and_then(Timeout::limit),
        )
    }
}

/// Stops a container, as often as it takes. Returns when nothing of it runs: it was stopped, or a
/// full listing lacks it. For containers that this executor itself made or found alone: every
/// executor's listing names those, while some leave out other workers'.
pub(crate) async fn stop_for_good(shift: &Shift, placed: &Placed, grace: Duration) {
    let Placed { machine, handle } = placed;
    let executor = &machine.executor;
    let began = Instant::now();
    let mut tries = 0;
    loop {
        // Whatever came of the tries before: the container has its grace once.
        let left = grace.saturating_sub(began.elapsed());
        let Err(error) = executor.stop(handle, left).await else {
            return;
        };
        if let Ok(listed) = executor.list(&shift.instance).await
            && listed.iter().all(|container| container.handle != *handle)
        {
            return;
        }
        tries += 1;
        tracing::warn!(handle = %handle, tries, error = %error, "could not stop a container");
        sleep(STOP_AGAIN.delay(tries, rand::random())).await;
    }
}

/// How long a job has between TERM and KILL.
pub(crate) fn grace_of(spec: &JobSpec) -> Duration {
    spec.stop_grace.unwrap_or(DEFAULT_STOP_GRACE)
}

/// What is recorded of a container that has ended.
fn record(
    ended: Result<Ended, ExecutorError>,
    stopped_for: Option<StopReason>,
    pumped: Pumped,
) -> AttemptRecord {
    let (record, error) = match ended {
        Ok(ended) => {
            let outcome = stopped_for.map_or(Outcome::Exited, StopReason::outcome);
            let record = AttemptRecord {
                outcome,
                usage: ended.usage,
                ..AttemptRecord::exited(ended.exit)
            };
            (record, pumped.problem)
        }
        Err(error) => {
            let text = format!("the executor lost sight of it: {error}");
            let outcome = stopped_for.map_or(Outcome::Vanished, StopReason::outcome);
            (AttemptRecord::of(outcome), Some(text))
        }
    };
    AttemptRecord {
        started: true,
        error: error.map(|text| AttemptError {
            class: ErrorClass::Unknown,
            text,
        }),
        omitted_bytes: pumped.omitted_bytes,
        ..record
    }
}

fn stop_reason(order: Order) -> Option<StopReason> {
    match order {
        Order::Stop(reason) => Some(reason),
        Order::CarryOn | Order::LeaveAlive | Order::Abandon => None,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
