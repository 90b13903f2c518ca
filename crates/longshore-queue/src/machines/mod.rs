//! The hosts that a worker reaches through its executors, and which of them a job goes to.
//!
//! Owns what this worker knows of them. What it knows may be old: the store's fence decides, and
//! the bound that it holds is never this module's to hold.

mod machine;
mod pass;
mod placing;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::HostId;
use longshore_core::executor::Executor;
use longshore_core::host::{Capacity, Demand, Host, HostFacts, Used};
use longshore_core::queue::Queue;
use longshore_core::store::{Registry as _, StoreResult};
use tokio::time::Instant;

pub(crate) use self::machine::{Machine, Placed, Room};
pub(crate) use self::pass::run;
use self::placing::{Plan, Standing, place};
use crate::bell::{Bell, Listener};
use crate::calls::Calls;
use crate::error::QueueError;
use crate::retrying::Retrying;
use crate::served::Served;

/// The hosts that a worker reaches.
pub(crate) struct Machines {
    all: RwLock<Vec<Arc<Machine>>>,
    /// Executors whose hosts did not answer yet.
    silent: Mutex<Vec<Calls>>,
    /// By kind of executor, how many launches wait for room.
    waiting: Mutex<BTreeMap<&'static str, u32>>,
    /// Rung when there may be room again.
    room: Arc<Bell>,
    /// When the store was asked last.
    asked_at: tokio::sync::Mutex<Option<Instant>>,
    /// Rung when a host may have stopped answering.
    suspect: Bell,
    /// What stands for a host's slots where they are not bounded.
    usual: u32,
}

/// What came of looking for room.
pub(crate) enum Search {
    /// There is some, and it is taken.
    Found(Room),
    /// Not yet; here is what people are told.
    Wait(String),
    /// None of this worker's hosts takes jobs now.
    NoneUsable(String),
    /// None of them is large enough.
    TooSmall(String),
}

/// A launch that waits for room: while it is there, no more is acquired for that kind of executor,
/// so that what is large does not wait for ever behind what is small.
pub(crate) struct Waiting<'a>(&'a Machines, &'static str);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.0.waiting).get_mut(self.1) {
            *count -= 1;
        }
        self.0.room.ring();
    }
}

impl Machines {
    /// Asks each executor for its host, and enters it. One has to answer; the others may do so
    /// later, and what only they can run waits or is others' until then.
    pub async fn enter(
        store: &Retrying,
        executors: &[Arc<dyn Executor>],
        usual: u32,
    ) -> Result<Self, QueueError> {
        let room = Arc::new(Bell::new());
        let mut all: Vec<Arc<Machine>> = Vec::new();
        let mut silent = Vec::new();
        for executor in executors {
            let executor = Calls::to(Arc::clone(executor));
            match executor.host().await {
                Ok(facts) => {
                    let host = enter_host(store, facts).await?;
                    if !all.iter().any(|known| known.id == host.id) {
                        all.push(Arc::new(Machine::new(executor, host, Arc::clone(&room))));
                    }
                }
                Err(source) => silent.push((executor, source)),
            }
        }
        let mut later = Vec::new();
        for (executor, source) in silent {
            let kind = executor.kind();
            if all.is_empty() {
                let executor = kind;
                return Err(QueueError::NoHost { executor, source });
            }
            tracing::warn!(executor = kind, error = %source, "a host does not answer: tried again later");
            later.push(executor);
        }
        Ok(Self {
            all: RwLock::new(all),
            silent: Mutex::new(later),
            waiting: Mutex::default(),
            room,
            asked_at: tokio::sync::Mutex::new(None),
            suspect: Bell::new(),
            usual,
        })
    }

    /// The queue, if this worker can serve it.
    pub fn serve(&self, queue: Queue) -> Result<Served, QueueError> {
        let mut of_kind = self.all();
        of_kind.retain(|machine| machine.executor.kind() == queue.executor);
        let Some(first) = of_kind.first() else {
            return Err(QueueError::NoExecutor {
                queue: queue.name,
                executor: queue.executor,
                have: self.kinds(),
            });
        };
        let fits = |machine: &Arc<Machine>| machine.fits(&queue.host_selector);
        if !of_kind.iter().any(fits) && lock(&self.silent).is_empty() {
            let labels = queue.host_selector.iter();
            let selector: Vec<String> = labels
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            let names: Vec<String> = of_kind.iter().map(|machine| machine.name()).collect();
            return Err(QueueError::WrongHost {
                selector: selector.join(","),
                queue: queue.name,
                host: names.join(", "),
            });
        }
        let kind = first.executor.kind();
        Ok(Served::new(queue, &of_kind, kind))
    }

    /// The queue, whatever it asks of hosts: for an attempt that is on one already. None if no host
    /// here is of its kind.
    pub fn serve_whatever(&self, queue: Queue) -> Option<Served> {
        let mut of_kind = self.all();
        of_kind.retain(|machine| machine.executor.kind() == queue.executor);
        let kind = of_kind.first()?.executor.kind();
        Some(Served::new(queue, &of_kind, kind))
    }

    /// One host, if it is reached.
    pub fn with_id(&self, id: HostId) -> Option<Arc<Machine>> {
        self.all().into_iter().find(|machine| machine.id == id)
    }

    /// The queues that are named, each of which must be one that this worker can serve; or every
    /// one that it can, of which there must be one.
    pub async fn serve_all(
        &self,
        store: &Retrying,
        names: &[String],
    ) -> Result<Vec<Arc<Served>>, QueueError> {
        let mut served = Vec::new();
        for name in names {
            let queue = store.queue(name).await?;
            // Naming a queue twice means it once.
            if !served.iter().any(|s: &Arc<Served>| s.queue.id == queue.id) {
                served.push(Arc::new(self.serve(queue)?));
            }
        }
        if names.is_empty() {
            let queues = store.queues().await?;
            served = queues
                .into_iter()
                .filter_map(|queue| self.serve(queue).ok())
                .map(Arc::new)
                .collect();
            if served.is_empty() {
                return Err(QueueError::NothingToServe { have: self.kinds() });
            }
        }
        Ok(served)
    }

    /// Every host.
    pub fn hosts(&self) -> Vec<HostId> {
        self.all().iter().map(|machine| machine.id).collect()
    }

    /// How many more jobs of a queue the hosts may take, as far as is known. Asks the store again
    /// before it says that there is no room.
    pub async fn room(&self, store: &Retrying, served: &Served, at_most_old: Duration) -> u32 {
        if self.is_waited_for(served.executor) || served.rests() {
            return 0;
        }
        let mut room = self.free_slots(served);
        if room == 0 {
            if let Err(error) = self.ask_again(store, at_most_old).await {
                tracing::debug!(error = %error, "can't see whether the hosts have room");
            }
            room = self.free_slots(served);
        }
        room
    }

    /// Finds a host for a job and takes its room there.
    pub fn search(&self, served: &Served, demand: Demand) -> Search {
        // One search at a time: what is free is taken before the next looks.
        let _one_at_a_time = lock(&self.waiting);
        let machines = self.of(served);
        let standings: Vec<Standing> = machines.iter().map(|m| m.standing()).collect();
        match place(&standings, demand, self.usual) {
            Plan::On(at) => Search::Found(machines[at].begin(demand)),
            Plan::Wait(why) => Search::Wait(why),
            Plan::NoneUsable(why) => Search::NoneUsable(why),
            Plan::TooSmall(why) => Search::TooSmall(why),
        }
    }

    /// Whether another worker's host could take such a job: one that this worker does not reach.
    pub async fn fits_elsewhere(
        &self,
        store: &Retrying,
        served: &Served,
        demand: Demand,
    ) -> StoreResult<bool> {
        let mine = self.hosts();
        let hosts = store.hosts().await?;
        Ok(hosts.iter().any(|host| {
            !mine.contains(&host.id) && served.selects(host) && host.too_small(demand).is_none()
        }))
    }

    /// A launch went wrong in a way that may be its host's: look at them soon.
    pub fn suspect(&self) {
        self.suspect.ring();
    }

    /// Says that a launch waits for room, for as long as the answer lives.
    pub fn wait_for_room(&self, served: &Served) -> Waiting<'_> {
        *lock(&self.waiting).entry(served.executor).or_default() += 1;
        Waiting(self, served.executor)
    }

    /// Hears when there may be room again.
    pub fn listen(&self) -> Listener {
        self.room.listen()
    }

    /// Asks the store what it knows of the hosts, unless it was asked that lately.
    pub async fn ask_again(&self, store: &Retrying, at_most_old: Duration) -> StoreResult<()> {
        // Those who wait here have their answer from the one who asks.
        let mut asked_at = self.asked_at.lock().await;
        if asked_at.is_some_and(|at| at.elapsed() < at_most_old) {
            return Ok(());
        }
        let hosts = store.hosts().await?;
        for machine in self.all() {
            if let Some(host) = hosts.iter().find(|host| host.id == machine.id) {
                machine.now_known(host.clone());
            }
        }
        *asked_at = Some(Instant::now());
        self.room.ring();
        Ok(())
    }

    /// Tries those again that did not answer; says whether any did.
    async fn try_the_silent(&self, store: &Retrying) -> StoreResult<bool> {
        let silent = lock(&self.silent).clone();
        let mut found = false;
        let asked = silent.iter().map(Calls::host);
        let answers = join_all(asked).await;
        for (executor, answer) in silent.into_iter().zip(answers) {
            let Ok(facts) = answer else {
                continue;
            };
            let host = enter_host(store, facts).await?;
            let (id, name) = (host.id, host.facts.name.clone());
            if !self.hosts().contains(&id) {
                let machine = Machine::new(executor.clone(), host, Arc::clone(&self.room));
                self.all
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Arc::new(machine));
                tracing::info!(host.id = id.0, host = name, "a host answers now");
                found = true;
            }
            lock(&self.silent).retain(|other| !other.is(&executor));
        }
        Ok(found)
    }

    fn is_waited_for(&self, executor: &str) -> bool {
        lock(&self.waiting).get(executor).is_some_and(|n| *n > 0)
    }

    fn free_slots(&self, served: &Served) -> u32 {
        let machines = self.of(served);
        let free = machines.iter().map(|m| m.standing().free_slots());
        free.fold(0, u32::saturating_add)
    }

    /// Every host that is reached.
    pub fn all(&self) -> Vec<Arc<Machine>> {
        self.all
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Those that may run a queue's jobs.
    fn of(&self, served: &Served) -> Vec<Arc<Machine>> {
        let mut machines = self.all();
        machines.retain(|machine| machine.is_selected_by(served));
        machines
    }

    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.all().iter().map(|m| m.executor.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

async fn enter_host(store: &Retrying, facts: HostFacts) -> StoreResult<Host> {
    let id = store.register_host(&facts).await?;
    let known = store.hosts().await?.into_iter().find(|host| host.id == id);
    Ok(known.unwrap_or_else(|| Host {
        // It was entered a moment ago; if a person removed it since, it carries no labels.
        id,
        facts,
        labels: BTreeMap::new(),
        capacity: Capacity::default(),
        used: Used::default(),
        weight: 1,
        enabled: true,
        problem: None,
        last_seen_at: jiff::Timestamp::UNIX_EPOCH,
        forgotten_at: None,
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one of plain values.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
