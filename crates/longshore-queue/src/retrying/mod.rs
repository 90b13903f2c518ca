//! The one place where a store's contention is retried.
//!
//! Owns: repeating a verb that collided (deadlock, serialisation failure, lock timeout, busy)
//! with exponential backoff and jitter, within a budget of time, counted; and running each call
//! in a task of its own, so that a caller who is dropped does not cut a transaction in two.
//!
//! Never does: repeat a call whose reply was lost ([`StoreError::Unavailable`]): nothing is known
//! of what happened, and only the caller knows whether asking again is safe.

mod access;
mod changes;
mod clock;
mod contention;
mod leases;
mod reading;
mod recovery;
mod registry;
mod submissions;
mod upkeep;
mod webhooks;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use longshore_core::InstanceId;
use longshore_core::retry::Backoff;
use longshore_core::store::{Store, StoreError, StoreResult, Wakeups};
use longshore_fault::{bug, point};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument as _;

pub use clock::RetryClock;
use clock::RuntimeClock;
pub use contention::ContentionCounts;
use contention::Counters;

use crate::metrics::{StoreMeters, store_failed};

/// For how long a contended call is repeated, unless the caller says otherwise.
pub const DEFAULT_BUDGET: Duration = Duration::from_secs(10);

/// From a tenth of what a short transaction takes under load to what a person notices. The number
/// of attempts is bounded by the budget, not here.
const BACKOFF: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(5),
    max: Duration::from_secs(1),
};

/// How long [`Store::close`] waits for calls in flight before it closes over them.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// A store whose contended calls are repeated within a budget.
///
/// Clones and [`Retrying::within`] views share the counters and the store.
#[derive(Clone)]
pub struct Retrying {
    inner: Arc<dyn Store>,
    budget: Duration,
    clock: Arc<dyn RetryClock>,
    counters: Arc<Counters>,
    meters: Arc<StoreMeters>,
    in_flight: Arc<watch::Sender<usize>>,
    /// Kept by each call until its own end, which may come after its caller has gone.
    held: Option<Arc<dyn Any + Send + Sync>>,
}

impl Retrying {
    /// Wraps a store; calls are repeated for at most [`DEFAULT_BUDGET`].
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            budget: DEFAULT_BUDGET,
            clock: Arc::new(RuntimeClock::begin()),
            counters: Arc::default(),
            meters: Arc::new(StoreMeters::begin()),
            in_flight: Arc::new(watch::Sender::new(0)),
            held: None,
        }
    }

    /// The same store with the caller's own timeout. It bounds the repeats; how long one call may
    /// take is the server's to say.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        Self {
            budget,
            ..self.clone()
        }
    }

    /// The same store by another clock than the runtime's.
    #[must_use]
    pub fn by_clock(&self, clock: Arc<dyn RetryClock>) -> Self {
        Self {
            clock,
            ..self.clone()
        }
    }

    /// The same store, each of whose calls keeps `what` until the call itself has ended, whether or
    /// not its caller still waits for it.
    pub(crate) fn holding(&self, what: Arc<dyn Any + Send + Sync>) -> Self {
        Self {
            held: Some(what),
            ..self.clone()
        }
    }

    /// How often calls collided, by kind, in all views of this store together.
    pub fn contention(&self) -> ContentionCounts {
        self.counters.read()
    }

    /// Runs a verb until it does not collide, or the budget is spent: then the last collision is
    /// the error. Cancellation-safe: a call that was sent goes on without its caller, and no
    /// further one is sent.
    async fn call<T, F, Fut>(&self, verb: &'static str, send: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: Fn(Arc<dyn Store>) -> Fut,
        Fut: Future<Output = StoreResult<T>> + Send + 'static,
    {
        let begun = self.clock.now();
        let mut retry = 0;
        loop {
            let error = match self.owned(verb, send(Arc::clone(&self.inner))).await {
                Err(error) if error.is_transient() => error,
                Err(error) if bug!("retry_without_key") && is_lost_submission(verb, &error) => {
                    error
                }
                done => return done,
            };
            self.counters.add(&error);
            retry += 1;
            let delay = if bug!("no_backoff") {
                Duration::ZERO
            } else {
                BACKOFF.delay(retry, rand::random())
            };
            let _ = point!("retry.before_pause", micros(delay)).await;
            let gone = self.clock.now().saturating_sub(begun);
            if gone + delay >= self.budget {
                tracing::debug!(verb, retry, "gave up repeating a contended call");
                return Err(error);
            }
            self.clock.pause(delay).await;
        }
    }

    /// Runs one call in a task of its own; a panic in the driver becomes an error of this call.
    async fn owned<T: Send + 'static>(
        &self,
        verb: &'static str,
        call: impl Future<Output = StoreResult<T>> + Send + 'static,
    ) -> StoreResult<T> {
        let kept = (InFlight::enter(&self.in_flight), self.held.clone());
        let calls = self.meters.calls(verb);
        let whole = async move {
            let _kept = kept;
            let begun = Instant::now();
            let answer = call.await;
            calls.record(begun.elapsed());
            if let Err(error) = &answer {
                store_failed(verb, error);
            }
            answer
        };
        let task = tokio::spawn(whole.in_current_span());
        match task.await {
            Ok(result) => result,
            Err(join_error) => Err(StoreError::unexpected(verb, join_error)),
        }
    }
}

/// Of the bug that repeats what may have happened.
fn is_lost_submission(verb: &str, error: &StoreError) -> bool {
    verb == "submit" && matches!(error, StoreError::Unavailable { .. })
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl From<Arc<dyn Store>> for Retrying {
    fn from(store: Arc<dyn Store>) -> Self {
        Self::new(store)
    }
}

#[async_trait]
impl Store for Retrying {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    async fn instance(&self) -> StoreResult<InstanceId> {
        self.call("instance", |store| async move { store.instance().await })
            .await
    }

    async fn now(&self) -> StoreResult<Timestamp> {
        self.call("now", |store| async move { store.now().await })
            .await
    }

    fn wakeups(&self) -> Box<dyn Wakeups> {
        self.inner.wakeups()
    }

    async fn close(&self) {
        let mut in_flight = self.in_flight.subscribe();
        if timeout(CLOSE_WAIT, in_flight.wait_for(|calls| *calls == 0))
            .await
            .is_err()
        {
            // Nobody waits for these any more: a worker whose database is away has said by now what
            // became of everything, and that is its last word.
            tracing::debug!("closing the store while calls are in flight");
        }
        self.inner.close().await;
    }
}

/// Counts one call for as long as it lives.
struct InFlight(Arc<watch::Sender<usize>>);

impl InFlight {
    fn enter(calls: &Arc<watch::Sender<usize>>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(Arc::clone(calls))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}
