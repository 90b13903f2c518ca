//! Which containers there are, by attempt and by handle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_core::executor::{ContainerIdentity, Handle};
use longshore_core::{AttemptNumber, InstanceId, JobId};

use crate::container::Container;

/// An attempt, whatever its token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AttemptKey {
    instance: String,
    job: JobId,
    attempt: AttemptNumber,
}

impl From<&ContainerIdentity> for AttemptKey {
    fn from(identity: &ContainerIdentity) -> Self {
        Self {
            instance: identity.instance.0.clone(),
            job: identity.job,
            attempt: identity.attempt,
        }
    }
}

/// The containers of one executor: at most one per attempt.
#[derive(Default)]
pub struct Registry {
    containers: Mutex<BTreeMap<AttemptKey, Arc<Container>>>,
}

impl Registry {
    /// The container of an attempt.
    pub fn of_attempt(&self, key: &AttemptKey) -> Option<Arc<Container>> {
        self.lock().get(key).cloned()
    }

    /// The container with that handle. A walk: there are as many containers as a worker has jobs.
    pub fn by_handle(&self, handle: &Handle) -> Option<Arc<Container>> {
        self.lock()
            .values()
            .find(|container| container.handle() == handle)
            .cloned()
    }

    /// All containers of an instance.
    pub fn of_instance(&self, instance: &InstanceId) -> Vec<Arc<Container>> {
        let containers = self.lock();
        let ours = containers
            .values()
            .filter(|found| found.identity().instance == *instance);
        ours.cloned().collect()
    }

    /// Enters a container whose attempt has none.
    pub fn enter(&self, container: Arc<Container>) {
        self.lock()
            .insert(AttemptKey::from(container.identity()), container);
    }

    /// Removes a container, unless its attempt has another one by now.
    pub fn remove(&self, container: &Arc<Container>) {
        let key = AttemptKey::from(container.identity());
        let mut containers = self.lock();
        if containers
            .get(&key)
            .is_some_and(|found| Arc::ptr_eq(found, container))
        {
            containers.remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptKey, Arc<Container>>> {
        // A panic elsewhere left the map whole: each change is one call.
        self.containers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
