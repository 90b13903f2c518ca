//! [`longshore_core::store::Registry`], as the model does it: queues, workers and hosts.

use std::collections::BTreeMap;

use longshore_core::host::{Capacity, Host, HostChange, HostFacts, Used};
use longshore_core::ids::{HostId, QueueId, WorkerId};
use longshore_core::queue::{NewQueue, OnHostLost, Queue, QueueChange};
use longshore_core::store::{Heartbeat, NewWorker, Worker};

use super::job::Job;
use super::{Answer, Crew, MOMENT, Model, Refusal};

/// The id that follows those that there are.
fn next(count: usize) -> i64 {
    i64::try_from(count).map_or(i64::MAX, |count| count + 1)
}

impl Model {
    /// Makes a queue.
    pub fn create_queue(&mut self, new: &NewQueue) -> Answer<Queue> {
        if self.queue_named(&new.name).is_ok() {
            return Err(Refusal::QueueExists);
        }
        let id = QueueId(i32::try_from(next(self.queues.len())).unwrap_or(i32::MAX));
        let queue = Queue {
            id,
            name: new.name.clone(),
            executor: new.executor.clone(),
            host_selector: new.host_selector.clone(),
            max_concurrent: new.max_concurrent,
            paused: false,
            ageing: None,
            on_host_lost: OnHostLost::Wait,
            epoch: 0,
        };
        self.queues.insert(id, queue.clone());
        Ok(queue)
    }

    /// Changes a queue; every change raises its epoch.
    pub fn change_queue(&mut self, name: &str, change: &QueueChange) -> Answer<Queue> {
        let id = self.queue_named(name)?;
        let queue = self.queues.get_mut(&id).ok_or(Refusal::UnknownQueue)?;
        queue.max_concurrent = change.max_concurrent.unwrap_or(queue.max_concurrent);
        queue.paused = change.paused.unwrap_or(queue.paused);
        queue.on_host_lost = change.on_host_lost.unwrap_or(queue.on_host_lost);
        set(&mut queue.host_selector, &change.host_selector);
        if let Some(ageing) = change.ageing {
            queue.ageing = ageing;
            self.marks.remove(&id);
        }
        queue.epoch += 1;
        Ok(queue.clone())
    }

    /// Every queue, by name.
    pub fn queues(&self) -> Vec<Queue> {
        let mut queues: Vec<_> = self.queues.values().cloned().collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        queues
    }

    pub(super) fn queue_named(&self, name: &str) -> Answer<QueueId> {
        let found = self.queues.values().find(|queue| queue.name == name);
        found.map(|queue| queue.id).ok_or(Refusal::UnknownQueue)
    }

    /// Enters a worker.
    pub fn register_worker(&mut self, new: &NewWorker) -> WorkerId {
        let id = WorkerId(next(self.workers.len()));
        let queues = self.names_of(&new.queues);
        let shown = Worker {
            id,
            name: new.name.clone(),
            hostname: new.hostname.clone(),
            pid: new.pid,
            version: new.version.clone(),
            queues,
            hosts: new.hosts.clone(),
            capacity: new.capacity,
            live: 0,
            started_at: MOMENT,
            heartbeat_at: MOMENT,
            stopped_at: None,
            draining: false,
            fenced: false,
            alive: true,
        };
        let serves = new.queues.clone();
        self.workers.insert(id, Crew { shown, serves });
        id
    }

    /// A sign of life.
    pub fn heartbeat(&self, worker: WorkerId) -> Heartbeat {
        let known = self.workers.get(&worker);
        known.map_or(Heartbeat::Fenced, |worker| Heartbeat::Alive {
            drain: worker.shown.draining,
            at: MOMENT,
        })
    }

    /// It acquires nothing more.
    pub fn drain_worker(&mut self, worker: WorkerId) -> Answer<()> {
        self.worker(worker)?.draining = true;
        Ok(())
    }

    /// It says goodbye.
    pub fn stop_worker(&mut self, worker: WorkerId) -> Answer<()> {
        let worker = self.worker(worker)?;
        worker.draining = true;
        worker.stopped_at = Some(MOMENT);
        worker.alive = false;
        Ok(())
    }

    /// Replaces the hosts that it launches on, and the queues that it serves.
    pub fn set_worker_reach(
        &mut self,
        worker: WorkerId,
        hosts: &[HostId],
        queues: &[QueueId],
    ) -> Answer<()> {
        let names = self.names_of(queues);
        let known = self.workers.get_mut(&worker);
        let known = known.ok_or_else(|| Refusal::Invalid("worker".to_owned()))?;
        known.shown.hosts = hosts.to_vec();
        known.shown.queues = names;
        known.serves = queues.to_vec();
        Ok(())
    }

    fn names_of(&self, queues: &[QueueId]) -> Vec<String> {
        let names = queues.iter().filter_map(|queue| self.queues.get(queue));
        let mut names: Vec<String> = names.map(|queue| queue.name.clone()).collect();
        names.sort_unstable();
        names
    }

    fn worker(&mut self, worker: WorkerId) -> Answer<&mut Worker> {
        let known = self.workers.get_mut(&worker);
        let known = known.ok_or_else(|| Refusal::Invalid("worker".to_owned()))?;
        Ok(&mut known.shown)
    }

    /// Workers, newest first: those alive, and with `all` those of the past too.
    pub fn workers(&self, all: bool) -> Vec<Worker> {
        let newest_first = self.workers.iter().rev();
        let shown = newest_first.map(|(id, worker)| Worker {
            live: u32::try_from(self.leases_of(*id).len()).unwrap_or(u32::MAX),
            ..worker.shown.clone()
        });
        shown.filter(|worker| all || worker.alive).collect()
    }

    /// Enters a host, or notes that it is well.
    pub fn register_host(&mut self, facts: &HostFacts) -> HostId {
        let same = |host: &&mut Host| {
            (&host.facts.executor, &host.facts.identity) == (&facts.executor, &facts.identity)
        };
        if let Some(host) = self.hosts.values_mut().find(same) {
            host.facts = facts.clone();
            host.problem = None;
            host.forgotten_at = None;
            return host.id;
        }
        let id = HostId(next(self.hosts.len()));
        let host = Host {
            id,
            facts: facts.clone(),
            labels: BTreeMap::new(),
            capacity: Capacity::default(),
            used: Used::default(),
            weight: 1,
            enabled: true,
            problem: None,
            last_seen_at: MOMENT,
            forgotten_at: None,
        };
        self.hosts.insert(id, host);
        id
    }

    /// Notes that a host could not be reached.
    pub fn note_host_problem(&mut self, host: HostId, problem: &str) -> Answer<()> {
        self.known_host(host)?.problem = Some(problem.to_owned());
        Ok(())
    }

    /// Changes what people say of a host.
    pub fn change_host(&mut self, id: HostId, change: &HostChange) -> Answer<Host> {
        let host = self.known_host(id)?;
        host.enabled = change.enabled.unwrap_or(host.enabled);
        host.weight = change.weight.unwrap_or(host.weight);
        set(&mut host.labels, &change.labels);
        let capacity = &mut host.capacity;
        capacity.slots = change.slots.unwrap_or(capacity.slots);
        capacity.memory_bytes = change.memory_bytes.unwrap_or(capacity.memory_bytes);
        capacity.millicpus = change.millicpus.unwrap_or(capacity.millicpus);
        self.host(id)
            .ok_or_else(|| Refusal::Invalid("host".to_owned()))
    }

    pub(super) fn known_host(&mut self, host: HostId) -> Answer<&mut Host> {
        let known = self.hosts.get_mut(&host);
        known.ok_or_else(|| Refusal::Invalid("host".to_owned()))
    }

    /// Every host, by name.
    pub fn hosts(&self) -> Vec<Host> {
        let mut hosts: Vec<Host> = self.hosts.keys().filter_map(|id| self.host(*id)).collect();
        hosts.sort_by(|a, b| a.facts.name.cmp(&b.facts.name));
        hosts
    }

    /// A host, with what its leases take of it.
    pub(super) fn host(&self, id: HostId) -> Option<Host> {
        let mut host = self.hosts.get(&id)?.clone();
        let launched = self.jobs.values().filter_map(Job::live);
        for (there, _, demand) in launched.filter_map(|live| live.launched.as_ref()) {
            if *there == id {
                host.used.slots += 1;
                host.used.memory_bytes += demand.memory_bytes;
                host.used.millicpus += demand.millicpus;
            }
        }
        Some(host)
    }
}

/// Sets labels, and with `None` takes them away.
fn set(labels: &mut BTreeMap<String, String>, change: &BTreeMap<String, Option<String>>) {
    for (key, value) in change {
        match value {
            Some(value) => labels.insert(key.clone(), value.clone()),
            None => labels.remove(key),
        };
    }
}
