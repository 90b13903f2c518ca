//! How often calls collided, by kind: for metrics and for a worker's last line.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_core::store::{Contention, StoreError};

use crate::metrics;

/// Collisions by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ContentionCounts {
    /// SQLSTATE 40P01.
    pub deadlock: u64,
    /// SQLSTATE 40001.
    pub serialization_failure: u64,
    /// SQLSTATE 55P03.
    pub lock_timeout: u64,
    /// `SQLITE_BUSY` and its kin.
    pub busy: u64,
}

impl ContentionCounts {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.by_kind().iter().map(|(_, count)| count).sum()
    }

    /// Each kind with its count, under the name that metrics use.
    pub fn by_kind(&self) -> [(&'static str, u64); 4] {
        [
            (Contention::Deadlock.as_str(), self.deadlock),
            (
                Contention::SerializationFailure.as_str(),
                self.serialization_failure,
            ),
            (Contention::LockTimeout.as_str(), self.lock_timeout),
            (Contention::Busy.as_str(), self.busy),
        ]
    }
}

impl fmt::Display for ContentionCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, count) in self.by_kind().into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "{separator}{kind} {count}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("none")?;
        }
        Ok(())
    }
}

/// The live counters behind [`ContentionCounts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    deadlock: AtomicU64,
    serialization_failure: AtomicU64,
    lock_timeout: AtomicU64,
    busy: AtomicU64,
}

impl Counters {
    /// Counts an error, if it is a collision.
    pub(super) fn add(&self, error: &StoreError) {
        let StoreError::Contended { contention, .. } = error else {
            return;
        };
        metrics::contention(*contention).increment(1);
        let counter = match contention {
            Contention::Deadlock => &self.deadlock,
            Contention::SerializationFailure => &self.serialization_failure,
            Contention::LockTimeout => &self.lock_timeout,
            Contention::Busy => &self.busy,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> ContentionCounts {
        ContentionCounts {
            deadlock: self.deadlock.load(Ordering::Relaxed),
            serialization_failure: self.serialization_failure.load(Ordering::Relaxed),
            lock_timeout: self.lock_timeout.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
        }
    }
}
