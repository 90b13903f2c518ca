//! Why a job waits, in words that say what to do (nomad#15980: pending without a reason).

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::host::{Demand, Host};
use crate::limit::Limit;

/// Why a row stands in `ready` or `scheduled`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Submitted.
    New,
    /// Submitted, not before its time.
    Delayed,
    /// Submitted on hold: pending.
    Pending,
    /// Held, or taken out of its queue by a person: pending.
    Held,
    /// Queued by a person after it was pending.
    Released,
    /// An attempt failed; another follows.
    Retry,
    /// A person asked for another attempt.
    RetryNow,
    /// Handed back by a worker.
    HandedBack,
    /// Its host or worker was lost.
    Lost,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::New,
        Self::Delayed,
        Self::Pending,
        Self::Held,
        Self::Released,
        Self::Retry,
        Self::RetryNow,
        Self::HandedBack,
        Self::Lost,
    ];

    /// The reason's name in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Delayed => "delayed",
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Released => "released",
            Self::Retry => "retry",
            Self::RetryNow => "retry_now",
            Self::HandedBack => "handed_back",
            Self::Lost => "lost",
        }
    }

    /// The reason with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// What a store knows about a waiting job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingFacts {
    /// Why it stands there.
    pub reason: Reason,
    /// When it is due: `None` in `ready`, or at infinity.
    pub due_at: Option<Timestamp>,
    /// Whether it is in a queue at all.
    pub is_pending: bool,
    /// Retries used.
    pub tries: u16,
    /// Retries allowed.
    pub retries_allowed: u32,
    /// The queue's name.
    pub queue: String,
    /// Whether the queue is paused.
    pub paused: bool,
    /// The queue's limit.
    pub max_concurrent: Option<Limit>,
    /// The queue's leases.
    pub live: u32,
    /// Some of the jobs that hold them, lowest id first.
    pub live_jobs: Vec<crate::JobId>,
    /// Workers alive that serve the queue.
    pub workers: u32,
    /// Of these, draining ones.
    pub workers_draining: u32,
    /// Slots of the workers that are alive and not draining.
    pub worker_capacity: u32,
    /// Leases of these workers.
    pub worker_live: u32,
    /// The labels that the queue asks of its hosts.
    pub host_selector: BTreeMap<String, String>,
    /// The hosts of these workers whose executor and labels fit the queue.
    pub hosts: Vec<Host>,
    /// What the job asks of its host.
    pub demand: Demand,
}

/// Why a job waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum WhyWaiting {
    /// It is pending.
    Held,
    /// It is due later.
    DueAt {
        /// When.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        at: Timestamp,
    },
    /// An attempt failed and another follows.
    RetryAt {
        /// When.
        #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
        at: Timestamp,
        /// Which retry comes next, counting from 1.
        retry: u32,
        /// How many there are.
        of: u32,
    },
    /// Its queue is paused.
    Paused {
        /// The queue.
        queue: String,
    },
    /// Its queue's limit is reached.
    LimitReached {
        /// The queue.
        queue: String,
        /// The limit.
        limit: Limit,
        /// Some of the jobs that hold its slots.
        by: Vec<crate::JobId>,
    },
    /// No live worker serves its queue.
    NoWorker {
        /// The queue.
        queue: String,
    },
    /// All workers that serve its queue are draining.
    WorkersDraining {
        /// The queue.
        queue: String,
    },
    /// All slots of the workers that serve its queue are taken.
    WorkersFull {
        /// The queue.
        queue: String,
        /// Slots of all of them.
        capacity: u32,
    },
    /// No host that its workers launch on carries the labels that its queue asks for.
    NoHostFits {
        /// The queue.
        queue: String,
        /// The labels, as `key=value`.
        labels: Vec<String>,
    },
    /// No host that its workers launch on gets new jobs.
    HostsDisabled {
        /// The hosts.
        hosts: Vec<String>,
    },
    /// No host that its workers launch on, and that gets new jobs, can be reached.
    HostsUnreachable {
        /// The hosts, each with what is wrong.
        hosts: Vec<String>,
    },
    /// No host that its workers launch on has room for it.
    HostsFull {
        /// The hosts, each with what it lacks.
        hosts: Vec<String>,
    },
    /// It has been taken and is about to start; this is what its launch says.
    Launching {
        /// Such as how far its image has been pulled.
        note: String,
    },
    /// Nothing holds it: it is next, behind others that wait.
    InLine {
        /// The queue.
        queue: String,
    },
}

/// Explains a waiting job: the first reason that must go before any other matters.
pub fn explain(facts: &WaitingFacts, now: Timestamp) -> WhyWaiting {
    let queue = || facts.queue.clone();
    if facts.is_pending {
        return WhyWaiting::Held;
    }
    if let Some(at) = facts.due_at.filter(|at| *at > now) {
        return match facts.reason {
            Reason::Retry => WhyWaiting::RetryAt {
                at,
                retry: u32::from(facts.tries),
                of: facts.retries_allowed,
            },
            Reason::New
            | Reason::Delayed
            | Reason::Pending
            | Reason::Held
            | Reason::Released
            | Reason::RetryNow
            | Reason::HandedBack
            | Reason::Lost => WhyWaiting::DueAt { at },
        };
    }
    if facts.paused {
        return WhyWaiting::Paused { queue: queue() };
    }
    if let Some(limit) = facts.max_concurrent.filter(|limit| facts.live >= limit.0) {
        return WhyWaiting::LimitReached {
            queue: queue(),
            limit,
            by: facts.live_jobs.clone(),
        };
    }
    if facts.workers == 0 {
        return WhyWaiting::NoWorker { queue: queue() };
    }
    if facts.workers_draining >= facts.workers {
        return WhyWaiting::WorkersDraining { queue: queue() };
    }
    if facts.worker_live >= facts.worker_capacity {
        return WhyWaiting::WorkersFull {
            queue: queue(),
            capacity: facts.worker_capacity,
        };
    }
    hosts_hold_it_up(facts).unwrap_or_else(|| WhyWaiting::InLine { queue: queue() })
}

/// What is wrong with the hosts, if it is wrong with all of them. A queue that asks nothing of its
/// hosts and whose workers named none is not held up by any.
fn hosts_hold_it_up(facts: &WaitingFacts) -> Option<WhyWaiting> {
    if facts.hosts.is_empty() {
        let labels = facts.host_selector.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let queue = facts.queue.clone();
        return (!labels.is_empty()).then_some(WhyWaiting::NoHostFits { queue, labels });
    }
    let name = |host: &Host| host.facts.name.clone();
    let enabled: Vec<&Host> = facts.hosts.iter().filter(|host| host.enabled).collect();
    if enabled.is_empty() {
        let hosts = facts.hosts.iter().map(name).collect();
        return Some(WhyWaiting::HostsDisabled { hosts });
    }
    let mut well = Vec::new();
    let mut ill = Vec::new();
    for host in enabled {
        match &host.problem {
            None => well.push(host),
            Some(problem) => ill.push(format!("{}: {problem}", host.facts.name)),
        }
    }
    if well.is_empty() {
        return Some(WhyWaiting::HostsUnreachable { hosts: ill });
    }
    let lacks = well.into_iter().map(|host| {
        let lack = host.lack(facts.demand)?;
        Some(format!("{}: {lack}", host.facts.name))
    });
    let hosts: Option<Vec<String>> = lacks.collect();
    Some(WhyWaiting::HostsFull { hosts: hosts? })
}

impl fmt::Display for WhyWaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("on hold: `longshore release` queues it"),
            Self::DueAt { at } => write!(f, "due at {at}"),
            Self::RetryAt { at, retry, of } => write!(f, "retry {retry} of {of} at {at}"),
            Self::Paused { queue } => {
                write!(
                    f,
                    "queue {queue} is paused: `longshore queue resume {queue}`"
                )
            }
            Self::LimitReached { queue, limit, by } => {
                write!(f, "limit {} of queue {queue} is reached", limit.0)?;
                if !by.is_empty() {
                    let ids: Vec<String> = by.iter().map(ToString::to_string).collect();
                    write!(f, " (by {})", ids.join(", "))?;
                }
                Ok(())
            }
            Self::NoWorker { queue } => write!(
                f,
                "no live worker serves queue {queue}: `longshore worker --queue {queue}` starts one"
            ),
            Self::WorkersDraining { queue } => {
                write!(f, "every worker that serves queue {queue} is draining")
            }
            Self::WorkersFull { queue, capacity } => {
                write!(
                    f,
                    "all {capacity} slots of the workers of queue {queue} are taken"
                )
            }
            Self::NoHostFits { queue, labels } => write!(
                f,
                "queue {queue} asks for hosts with {}, and no worker has one: \
                 `longshore hosts label`",
                labels.join(", ")
            ),
            Self::HostsDisabled { hosts } => {
                let hosts = hosts.join(", ");
                write!(f, "disabled: host {hosts}: `longshore hosts enable NAME`")
            }
            Self::HostsUnreachable { hosts } => {
                write!(f, "can't be reached: host {}", hosts.join("; "))
            }
            Self::HostsFull { hosts } => write!(f, "no room on host {}", hosts.join("; ")),
            Self::Launching { note } => f.write_str(note),
            Self::InLine { queue } => write!(f, "in line in queue {queue}"),
        }
    }
}
