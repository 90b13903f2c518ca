//! Machines and engines that executors speak to, and how much runs on each at once.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::HostId;
use crate::spec::{FieldError, JobSpec, check_name, format_bytes};

/// What an executor says of the machine or engine behind it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Host {
    /// Its id in this store.
    pub id: HostId,
    /// What its executor said last.
    #[serde(flatten)]
    pub facts: HostFacts,
    /// For queues that choose their hosts.
    pub labels: BTreeMap<String, String>,
    /// The most that runs on it at once, whichever workers launch it.
    pub capacity: Capacity,
    /// What its live jobs take of that: from when the handle of a container is stored until its
    /// lease ends.
    pub used: Used,
    /// Hosts of more weight are preferred.
    pub weight: i32,
    /// Whether it gets new jobs.
    pub enabled: bool,
    /// What kept the worker that looked last from reaching it; none when it is well.
    pub problem: Option<String>,
    /// When a worker last reached it.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen_at: Timestamp,
    /// When a person said that it is gone for good, unless it was seen since.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub forgotten_at: Option<Timestamp>,
}

/// A host that nobody has seen for this long counts as lost in queues whose policy is to run its jobs
/// again ([`crate::queue::OnHostLost::Retry`]). Six times as long as a worker takes between two looks.
pub const UNSEEN_IS_LOST: std::time::Duration = std::time::Duration::from_mins(1);

/// The most that may run on a host at once; what is absent is not bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Capacity {
    /// Jobs.
    pub slots: Option<u32>,
    /// The sum of the jobs' memory limits, in bytes. A job without a limit counts for nothing.
    pub memory_bytes: Option<u64>,
    /// The sum of the jobs' CPU limits, in thousandths. A job without a limit counts for nothing.
    pub millicpus: Option<u64>,
}

/// What one job takes of a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Demand {
    /// Its memory limit in bytes, or 0.
    pub memory_bytes: u64,
    /// Its CPU limit in thousandths, or 0.
    pub millicpus: u64,
}

/// What a host's live jobs take of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Used {
    /// Jobs.
    pub slots: u32,
    /// The sum of their memory limits, in bytes.
    pub memory_bytes: u64,
    /// The sum of their CPU limits, in thousandths.
    pub millicpus: u64,
}

/// What of a host's capacity a job would exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "lacks", rename_all = "snake_case")]
pub enum Lack {
    /// Its slots are taken.
    Slots {
        /// How many there are.
        of: u32,
    },
    /// It has not as much memory, in bytes.
    Memory {
        /// What is free.
        free: u64,
        /// What there is.
        of: u64,
        /// What the job asks for.
        wanted: u64,
    },
    /// It has not as much of its CPUs, in thousandths.
    Cpus {
        /// What is free.
        free: u64,
        /// What there is.
        of: u64,
        /// What the job asks for.
        wanted: u64,
    },
}

/// A change to a host; what is `None` stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostChange {
    /// Whether it gets new jobs.
    pub enabled: Option<bool>,
    /// Labels to set, and with `None` to take away.
    pub labels: BTreeMap<String, Option<String>>,
    /// Hosts of more weight are preferred.
    pub weight: Option<i32>,
    /// The most jobs at once, or `Some(None)` for no bound.
    pub slots: Option<Option<u32>>,
    /// The most memory, in bytes.
    pub memory_bytes: Option<Option<u64>>,
    /// The most CPUs, in thousandths.
    pub millicpus: Option<Option<u64>>,
}

impl Demand {
    /// What a job takes.
    pub fn of(spec: &JobSpec) -> Self {
        Self {
            memory_bytes: spec.memory.unwrap_or(0),
            millicpus: spec.cpus.map_or(0, millicpus),
        }
    }
}

/// CPUs in thousandths, rounded up: what is asked for is never less than what is taken.
pub fn millicpus(cpus: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "specs hold neither negative numbers nor more CPUs than any machine has"
    )]
    let millis = (cpus * 1000.0).ceil() as u64;
    millis
}

impl Capacity {
    /// The most that any store can hold of memory and CPUs.
    pub const MAX: u64 = i64::MAX as u64;

    /// Whether nothing is bounded.
    pub fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }

    /// What keeps a job with this demand from running beside what runs; none if it fits.
    pub fn lack(&self, used: Used, demand: Demand) -> Option<Lack> {
        if let Some(of) = self.slots.filter(|slots| used.slots >= *slots) {
            return Some(Lack::Slots { of });
        }
        if let Some((free, of)) = short(self.memory_bytes, used.memory_bytes, demand.memory_bytes) {
            let wanted = demand.memory_bytes;
            return Some(Lack::Memory { free, of, wanted });
        }
        let (free, of) = short(self.millicpus, used.millicpus, demand.millicpus)?;
        let wanted = demand.millicpus;
        Some(Lack::Cpus { free, of, wanted })
    }

    /// What keeps a job from ever running there, as it is now: memory or CPUs. Slots don't count:
    /// a job takes one of them whatever it is like, and a host of none is one that rests.
    pub fn too_small(self, demand: Demand) -> Option<Lack> {
        let slots = None;
        Self { slots, ..self }.lack(Used::default(), demand)
    }
}

/// What is free and what there is, if the demand is for more. Who demands nothing finds room even
/// where a lowered capacity is exceeded already.
fn short(of: Option<u64>, used: u64, wanted: u64) -> Option<(u64, u64)> {
    let of = of?;
    let free = of.saturating_sub(used);
    (wanted > 0 && wanted > free).then_some((free, of))
}

impl Host {
    /// Whether its labels fit a queue's selector.
    pub fn fits(&self, selector: &BTreeMap<String, String>) -> bool {
        selector
            .iter()
            .all(|(key, value)| self.labels.get(key) == Some(value))
    }

    /// What keeps a job from running there now; none if it fits.
    pub fn lack(&self, demand: Demand) -> Option<Lack> {
        self.capacity.lack(self.used, demand)
    }

    /// What keeps a job from running there even when nothing else does.
    pub fn too_small(&self, demand: Demand) -> Option<Lack> {
        self.capacity.too_small(demand)
    }
}

impl HostChange {
    /// Whether it can be made. Every store asks this first.
    pub fn validate(&self) -> Result<(), FieldError> {
        for (key, value) in &self.labels {
            check_name("label", key)?;
            let value = value.as_deref().unwrap_or_default();
            if value.contains('\0') || value.len() > 200 {
                let problem = "a value has at most 200 bytes and no NUL character";
                return Err(FieldError::new("label", problem));
            }
        }
        let too_large =
            |bound: Option<Option<u64>>| bound.flatten().is_some_and(|b| b > Capacity::MAX);
        if self
            .slots
            .flatten()
            .is_some_and(|slots| slots > i32::MAX as u32)
        {
            return Err(FieldError::new(
                "slots",
                format!("must be at most {}", i32::MAX),
            ));
        }
        for (field, bound) in [("memory", self.memory_bytes), ("cpus", self.millicpus)] {
            if too_large(bound) {
                return Err(FieldError::new(field, "is more than any machine has"));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Slots { of } => write!(f, "all {of} slots are taken"),
            Self::Memory { free, of, wanted } => write!(
                f,
                "{} of {} of memory are free and the job asks for {}",
                format_bytes(free),
                format_bytes(of),
                format_bytes(wanted)
            ),
            Self::Cpus { free, of, wanted } => write!(
                f,
                "{} of {} CPUs are free and the job asks for {}",
                cpus(free),
                cpus(of),
                cpus(wanted)
            ),
        }
    }
}

/// Thousandths as people write CPUs: 1.5.
fn cpus(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDED: Capacity = Capacity {
        slots: Some(2),
        memory_bytes: Some(4 << 30),
        millicpus: Some(2000),
    };

    fn demand(memory_gib: u64, millicpus: u64) -> Demand {
        Demand {
            memory_bytes: memory_gib << 30,
            millicpus,
        }
    }

    #[test]
    fn each_bound_is_met_and_not_passed() {
        let used = Used {
            slots: 1,
            memory_bytes: 1 << 30,
            millicpus: 500,
        };
        assert_eq!(BOUNDED.lack(used, demand(3, 1500)), None);
        let text = |lack: Option<Lack>| lack.expect("it does not fit").to_string();
        assert_eq!(
            text(BOUNDED.lack(used, demand(4, 0))),
            "3 GiB of 4 GiB of memory are free and the job asks for 4 GiB"
        );
        assert_eq!(
            text(BOUNDED.lack(used, demand(0, 1501))),
            "1.5 of 2 CPUs are free and the job asks for 1.501"
        );
        let full = Used { slots: 2, ..used };
        assert_eq!(
            text(BOUNDED.lack(full, demand(0, 0))),
            "all 2 slots are taken"
        );
        assert_eq!(
            Capacity::default().lack(full, demand(1 << 20, 1 << 40)),
            None
        );
    }

    #[test]
    fn who_asks_for_nothing_fits_where_a_lowered_capacity_is_exceeded() {
        let over = Used {
            slots: 1,
            memory_bytes: 9 << 30,
            millicpus: 9000,
        };
        assert_eq!(BOUNDED.lack(over, demand(0, 0)), None);
        assert!(BOUNDED.lack(over, demand(1, 0)).is_some());
    }

    #[test]
    fn cpus_are_never_counted_for_less_than_asked_for() {
        assert_eq!(millicpus(1.5), 1500);
        assert_eq!(millicpus(0.0001), 1);
    }
}
