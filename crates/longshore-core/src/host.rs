//! Machines and engines that executors speak to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::HostId;

/// What an executor says of the machine or engine behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostFacts {
    /// Which executor speaks to it.
    pub executor: String,
    /// The engine's or machine's own id: the same after a restart, on no other machine.
    pub identity: String,
    /// Changes with every boot: a container that ran under another boot id is dead.
    pub boot_id: String,
    /// What people call it.
    pub name: String,
}

/// A host as the store knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Host {
    /// Its id in this store.
    pub id: HostId,
    /// What its executor said last.
    #[serde(flatten)]
    pub facts: HostFacts,
    /// For queues that choose their hosts.
    pub labels: BTreeMap<String, String>,
    /// The most jobs at once; none means that the worker decides.
    pub capacity: Option<u32>,
    /// Hosts of more weight are preferred.
    pub weight: i32,
    /// Whether it gets new jobs.
    pub enabled: bool,
    /// When a worker last reached it.
    pub last_seen_at: Timestamp,
}
