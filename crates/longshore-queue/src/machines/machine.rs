//! One host that this worker reaches: its executor, what the store said of it last, and what this
//! worker has begun on it since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_core::HostId;
use longshore_core::executor::Handle;
use longshore_core::host::{Demand, Host, Used};

use super::placing::Standing;
use crate::bell::Bell;
use crate::calls::Calls;
use crate::served::Served;

/// One host that this worker reaches.
pub(crate) struct Machine {
    pub executor: Calls,
    pub id: HostId,
    /// Rung when there may be room again on any of the worker's hosts.
    room: Arc<Bell>,
    state: Mutex<State>,
}

struct State {
    /// As the store knew it last, with what this worker's launches changed since.
    host: Host,
    /// Launches whose handles are not stored yet.
    begun: Used,
    /// Why this worker can't use it now.
    down: Option<String>,
}

/// A container, and where it is.
#[derive(Clone)]
pub(crate) struct Placed {
    pub machine: Arc<Machine>,
    pub handle: Handle,
}

/// What a job takes of a host, from the decision to launch it there until it is dropped.
pub(crate) struct Room {
    pub machine: Arc<Machine>,
    demand: Demand,
    is_stored: bool,
}

impl Machine {
    pub fn new(executor: Calls, host: Host, room: Arc<Bell>) -> Self {
        let state = State {
            begun: Used::default(),
            down: None,
            host,
        };
        Self {
            executor,
            id: state.host.id,
            room,
            state: Mutex::new(state),
        }
    }

    /// What people call it.
    pub fn name(&self) -> String {
        self.lock().host.facts.name.clone()
    }

    /// The engine's or machine's own id.
    pub fn identity(&self) -> String {
        self.lock().host.facts.identity.clone()
    }

    /// The boot that it is in.
    pub fn boot_id(&self) -> String {
        self.lock().host.facts.boot_id.clone()
    }

    /// Whether it has each of these labels.
    pub fn fits(&self, selector: &BTreeMap<String, String>) -> bool {
        self.lock().host.fits(selector)
    }

    /// Whether jobs of this queue may run on it.
    pub fn is_selected_by(&self, served: &Served) -> bool {
        served.selects(&self.lock().host)
    }

    /// As placing sees it.
    pub fn standing(&self) -> Standing {
        let state = self.lock();
        let host = &state.host;
        let trouble = if host.enabled {
            let down = state.down.as_ref();
            down.map(|why| format!("can't be reached: {why}"))
        } else {
            Some("is disabled".to_owned())
        };
        Standing {
            name: host.facts.name.clone(),
            capacity: host.capacity,
            used: plus(host.used, state.begun),
            weight: host.weight,
            trouble,
        }
    }

    /// The store was asked again.
    pub fn now_known(&self, host: Host) {
        self.lock().host = host;
    }

    /// Whether the worker reaches it; says whether that is news.
    pub fn set_down(&self, down: Option<String>) -> bool {
        let mut state = self.lock();
        let is_news = state.down.is_some() != down.is_some();
        state.down = down;
        is_news
    }

    /// A job is about to be launched there.
    pub fn begin(self: &Arc<Self>, demand: Demand) -> Room {
        let mut state = self.lock();
        state.begun = plus(state.begun, one(demand));
        drop(state);
        Room {
            machine: Arc::clone(self),
            demand,
            is_stored: false,
        }
    }

    /// A job is there already, and the store counts it.
    pub fn adopt(self: &Arc<Self>, demand: Demand) -> Room {
        Room {
            machine: Arc::clone(self),
            demand,
            is_stored: true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment of plain values.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// The store counts it from now on.
    pub fn stored(&mut self) {
        let mut state = self.machine.lock();
        if !self.is_stored {
            state.begun = minus(state.begun, one(self.demand));
            state.host.used = plus(state.host.used, one(self.demand));
        }
        self.is_stored = true;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.machine.lock();
        let taken = one(self.demand);
        if self.is_stored {
            // Too little, if the store was asked after the end: until it is asked again.
            state.host.used = minus(state.host.used, taken);
        } else {
            state.begun = minus(state.begun, taken);
        }
        drop(state);
        self.machine.room.ring();
    }
}

fn one(demand: Demand) -> Used {
    Used {
        slots: 1,
        memory_bytes: demand.memory_bytes,
        millicpus: demand.millicpus,
    }
}

fn plus(a: Used, b: Used) -> Used {
    Used {
        slots: a.slots.saturating_add(b.slots),
        memory_bytes: a.memory_bytes.saturating_add(b.memory_bytes),
        millicpus: a.millicpus.saturating_add(b.millicpus),
    }
}

fn minus(a: Used, b: Used) -> Used {
    Used {
        slots: a.slots.saturating_sub(b.slots),
        memory_bytes: a.memory_bytes.saturating_sub(b.memory_bytes),
        millicpus: a.millicpus.saturating_sub(b.millicpus),
    }
}
