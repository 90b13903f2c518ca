//! Calls of stores and executors: how long they take, and how they fail.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use longshore_core::executor::ExecutorError;
use longshore_core::output::Stream;
use longshore_core::store::{Contention, LeaseStatus, OutputAppend, StoreError};
use metrics::{Counter, Histogram, counter, histogram};

use super::names;

/// What is counted of the calls of one store.
pub(crate) struct StoreMeters {
    /// By verb, of which there are some sixty: each from its first call on.
    calls: RwLock<BTreeMap<&'static str, Histogram>>,
    output: [(Stream, Counter); 2],
}

impl StoreMeters {
    pub fn begin() -> Self {
        for kind in Contention::ALL {
            super::contention(kind).increment(0);
        }
        let bytes =
            |stream: Stream| counter!(names::OUTPUT_BYTES.name, "stream" => stream.as_str());
        Self {
            calls: RwLock::default(),
            output: Stream::ALL.map(|stream| (stream, bytes(stream))),
        }
    }

    /// Where the time of this verb's calls goes.
    pub fn calls(&self, verb: &'static str) -> Histogram {
        let known = self.calls.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = known.get(verb) {
            return calls.clone();
        }
        drop(known);
        let calls = histogram!(names::DATABASE_CALLS.name, "verb" => verb);
        let mut known = self.calls.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(verb).or_insert(calls).clone()
    }

    /// Output was stored, as far as its lease was held.
    pub fn stored(&self, appends: &[OutputAppend], statuses: &[LeaseStatus]) {
        let mut refused = 0;
        for (append, status) in appends.iter().zip(statuses) {
            if *status == LeaseStatus::Lost {
                refused += 1;
                continue;
            }
            let bytes = append.output.bytes.len() as u64;
            for (stream, counter) in &self.output {
                if *stream == append.output.stream {
                    counter.increment(bytes);
                }
            }
        }
        if refused > 0 {
            super::stale_writes("append_output").increment(refused);
        }
    }
}

impl std::fmt::Debug for StoreMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreMeters")
    }
}

/// A call of the store failed.
pub(crate) fn store_failed(verb: &'static str, error: &StoreError) {
    counter!(names::DATABASE_FAILURES.name, "verb" => verb, "kind" => error.kind()).increment(1);
}

/// A call of an executor, as its metrics are labelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Host,
    Prepare,
    Ensure,
    Watch,
    Start,
    Stop,
    List,
    Fate,
    Usage,
    Forget,
}

impl Operation {
    const ALL: [Self; 10] = [
        Self::Host,
        Self::Prepare,
        Self::Ensure,
        Self::Watch,
        Self::Start,
        Self::Stop,
        Self::List,
        Self::Fate,
        Self::Usage,
        Self::Forget,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Prepare => "prepare",
            Self::Ensure => "ensure",
            Self::Watch => "watch",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::List => "list",
            Self::Fate => "fate",
            Self::Usage => "usage",
            Self::Forget => "forget",
        }
    }
}

/// What is counted of the calls of one executor.
pub(crate) struct EngineMeters {
    executor: &'static str,
    /// In the order of [`Operation::ALL`].
    calls: [Histogram; Operation::ALL.len()],
}

impl EngineMeters {
    pub fn of(executor: &'static str) -> Self {
        let calls = Operation::ALL.map(|operation| {
            let operation = operation.as_str();
            histogram!(names::ENGINE_CALLS.name, "executor" => executor, "operation" => operation)
        });
        Self { executor, calls }
    }

    /// A call took so long, and ended so.
    pub fn called<T>(
        &self,
        operation: Operation,
        took: Duration,
        answer: &Result<T, ExecutorError>,
    ) {
        self.calls[operation as usize].record(took);
        if let Err(error) = answer {
            let labels = [
                ("executor", self.executor),
                ("operation", operation.as_str()),
                ("class", error.class.as_str()),
            ];
            counter!(names::ENGINE_FAILURES.name, &labels).increment(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operations_number_is_its_place() {
        for (at, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, at);
        }
    }
}
