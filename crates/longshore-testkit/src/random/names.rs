//! What one store calls the things that the model calls otherwise.

use std::collections::HashMap;
use std::hash::Hash;

use longshore_core::ids::{HostId, JobId, QueueId, Token, WorkerId};
use longshore_core::store::LeaseKey;

/// Two names for each of the things of one kind.
#[derive(Debug)]
pub(super) struct Both<T> {
    real: HashMap<T, T>,
    ours: HashMap<T, T>,
    /// What stands for a thing that has no such name.
    none: T,
}

impl<T: Copy + Eq + Hash> Both<T> {
    fn new(none: T) -> Self {
        Self {
            real: HashMap::new(),
            ours: HashMap::new(),
            none,
        }
    }

    pub(super) fn learn(&mut self, ours: T, real: T) {
        self.real.insert(ours, real);
        self.ours.insert(real, ours);
    }

    /// The store's name for it; one that it never gave, if it has none.
    pub(super) fn real(&self, ours: T) -> T {
        self.real.get(&ours).copied().unwrap_or(self.none)
    }

    /// The model's name for it; one that it never gave, if the store made it up.
    pub(super) fn ours(&self, real: T) -> T {
        self.known(real).unwrap_or(self.none)
    }

    pub(super) fn known(&self, real: T) -> Option<T> {
        self.ours.get(&real).copied()
    }

    pub(super) fn count(&self) -> i64 {
        i64::try_from(self.real.len()).unwrap_or(i64::MAX)
    }

    /// Every one of the store's names.
    pub(super) fn reals(&self) -> impl Iterator<Item = T> + '_ {
        self.ours.keys().copied()
    }
}

/// The names of one store.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) jobs: Both<JobId>,
    pub(super) queues: Both<QueueId>,
    pub(super) workers: Both<WorkerId>,
    pub(super) hosts: Both<HostId>,
    pub(super) tokens: Both<Token>,
    /// The epoch that each queue began with.
    pub(super) epochs: HashMap<QueueId, i64>,
    /// The highest token so far.
    pub(super) newest_token: Token,
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            jobs: Both::new(JobId(0)),
            queues: Both::new(QueueId(0)),
            workers: Both::new(WorkerId(0)),
            hosts: Both::new(HostId(0)),
            tokens: Both::new(Token(0)),
            epochs: HashMap::new(),
            newest_token: Token(0),
        }
    }

    pub(super) fn real_lease(&self, ours: LeaseKey) -> LeaseKey {
        LeaseKey {
            job: self.jobs.real(ours.job),
            token: self.tokens.real(ours.token),
            ..ours
        }
    }

    pub(super) fn our_lease(&self, real: LeaseKey) -> LeaseKey {
        LeaseKey {
            job: self.jobs.ours(real.job),
            token: self.tokens.ours(real.token),
            ..real
        }
    }
}
