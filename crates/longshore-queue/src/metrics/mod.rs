//! What is counted, through the facade of the crate `metrics`: whoever runs this crate installs what
//! collects it, before anything else, or nothing is collected and it costs next to nothing.
//!
//! Owns the names ([`ALL`]) and the handles. A handle for each value of a label that has few is made
//! once and kept where things happen; what is rare is looked up each time.

mod calls;
mod names;
mod queue;

use std::time::{SystemTime, UNIX_EPOCH};

use longshore_core::output::Stream;
use longshore_core::store::Contention;
use metrics::{Counter, Gauge, counter, gauge};

pub(crate) use self::calls::{EngineMeters, Operation, StoreMeters, store_failed};
pub use self::names::ALL;
pub(crate) use self::queue::{LaunchEnd, QueueMeters, launch_end};

/// Writes that a store refuses when the lease is another's.
const STALE_VERBS: [&str; 5] = [
    "mark_launched",
    "note_launch",
    "mark_running",
    "append_output",
    "finish",
];

/// What may come of a heartbeat.
const HEARTBEAT_OUTCOMES: [&str; 3] = ["answered", "failed", "fenced"];

/// Begins to count what a process counts whatever it does; once, after what collects it was installed.
/// What has not happened yet is there as 0, so that its first time shows as a change.
pub fn begin(version: &'static str) {
    gauge!(names::BUILD_INFO.name, "version" => version).set(1.0);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    gauge!(names::START_TIME.name).set(since_epoch.unwrap_or_default());
}

/// Begins to count what only a process that takes jobs does.
pub fn begin_working() {
    for verb in STALE_VERBS {
        stale_writes(verb).increment(0);
    }
    for outcome in HEARTBEAT_OUTCOMES {
        heartbeats(outcome).increment(0);
    }
    for end in LaunchEnd::ALL {
        take_overs(end).increment(0);
    }
    for stream in Stream::ALL {
        output_omitted(stream).increment(0);
    }
    leases_reconciled().increment(0);
}

/// Calls that collided in this way.
pub(crate) fn contention(kind: Contention) -> Counter {
    counter!(names::CONTENTION.name, "kind" => kind.as_str())
}

/// Writes by this verb that were refused as stale.
pub(crate) fn stale_writes(verb: &'static str) -> Counter {
    counter!(names::STALE_WRITES.name, "verb" => verb)
}

/// Heartbeats of which this came.
pub(crate) fn heartbeats(outcome: &'static str) -> Counter {
    counter!(names::HEARTBEATS.name, "outcome" => outcome)
}

/// Leases taken over, of which this came.
pub(crate) fn take_overs(end: LaunchEnd) -> Counter {
    counter!(names::TAKE_OVERS.name, "outcome" => end.of_take_over())
}

/// Unknown leases given back.
pub(crate) fn leases_reconciled() -> Counter {
    counter!(names::LEASES_RECONCILED.name)
}

/// Bytes of output that the cap left out.
pub(crate) fn output_omitted(stream: Stream) -> Counter {
    counter!(names::OUTPUT_OMITTED.name, "stream" => stream.as_str())
}

/// The most jobs at once in this process.
pub(crate) fn slots() -> Gauge {
    gauge!(names::SLOTS.name)
}

/// Attempts that this process answers for.
pub(crate) fn jobs_live() -> Gauge {
    gauge!(names::JOBS_LIVE.name)
}

/// A counter for each of the few values of a label.
struct Family(Box<[(&'static str, Counter)]>);

impl Family {
    fn of(
        values: impl IntoIterator<Item = &'static str>,
        make: impl Fn(&'static str) -> Counter,
    ) -> Self {
        let counters = values.into_iter().map(|value| (value, make(value)));
        Self(counters.collect())
    }

    fn add_one(&self, value: &str) {
        let counter = self.0.iter().find(|(of, _)| *of == value);
        debug_assert!(counter.is_some(), "{value} is no value of this label");
        if let Some((_, counter)) = counter {
            counter.increment(1);
        }
    }
}
