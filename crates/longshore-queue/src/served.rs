//! A queue that a worker serves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use longshore_core::host::Host;
use longshore_core::queue::Queue;
use longshore_core::retry::Backoff;
use tokio::time::Instant;

use crate::calls::Calls;
use crate::machines::Machine;
use crate::metrics::QueueMeters;

/// How long a queue is left to others after one of its jobs went back because no host of this
/// worker could take it; longer each time, until one is placed.
const REST: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_secs(1),
    max: Duration::from_secs(30),
};

/// A queue that this worker serves.
pub(crate) struct Served {
    /// As it was when the shift began; the labels that it asks for now are [`Self::selects`]'s.
    pub queue: Queue,
    /// The kind of executor that it names.
    pub executor: &'static str,
    /// Whether its containers go on without this worker.
    pub survives_worker: bool,
    /// Whether they are code of the worker's own process.
    pub is_in_process: bool,
    /// What is counted of its attempts.
    pub meters: QueueMeters,
    host_selector: RwLock<BTreeMap<String, String>>,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    times: u32,
    until: Option<Instant>,
}

impl Served {
    /// A queue whose jobs run on this executor; on several hosts, what holds on all of them.
    pub fn new(queue: Queue, machines: &[Arc<Machine>], executor: &'static str) -> Self {
        let all = |holds: fn(&Calls) -> bool| machines.iter().all(|m| holds(&m.executor));
        Self {
            meters: QueueMeters::of(&queue.name, executor),
            host_selector: RwLock::new(queue.host_selector.clone()),
            queue,
            executor,
            survives_worker: all(Calls::survives_worker),
            is_in_process: all(Calls::is_in_process),
            rest: Mutex::default(),
        }
    }

    /// Whether its jobs may run on this host, by its executor and labels.
    pub fn selects(&self, host: &Host) -> bool {
        let selector = self.host_selector.read();
        let selector = selector.unwrap_or_else(PoisonError::into_inner);
        host.facts.executor == self.executor && host.fits(&selector)
    }

    /// What people ask of its hosts from now on.
    pub fn now_known(&self, queue: &Queue) {
        let mut selector = self.host_selector.write();
        let selector = selector
            .as_deref_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut());
        selector.clone_from(&queue.host_selector);
    }

    /// One of its jobs could not be placed: it is left to others for a while.
    pub fn rest(&self) {
        let mut rest = self.lock();
        if rest.until.is_none_or(|until| until <= Instant::now()) {
            rest.times = rest.times.saturating_add(1);
            rest.until = Some(Instant::now() + REST.delay(rest.times, rand::random()));
        }
    }

    /// One of its jobs was placed.
    pub fn placed(&self) {
        *self.lock() = Rest::default();
    }

    /// Whether it is left to others now.
    pub fn rests(&self) -> bool {
        self.lock()
            .until
            .is_some_and(|until| until > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Rest> {
        // Each change is one assignment of plain values.
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
