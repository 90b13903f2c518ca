//! Priorities, and the lanes of the ready line that they turn into.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How urgent a job is: 0 to 100, higher first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct Priority(u8);

/// A priority outside 0 to 100.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be from 0 to 100 (80 is high, 50 normal, 20 low), not {0}")]
pub struct PriorityOutOfRange(pub i64);

impl Priority {
    /// The highest that there is: 100.
    pub const MAX: Self = Self(100);
    /// 80; from here on a job takes the `high_priority` retry strategy by default.
    pub const HIGH: Self = Self(80);
    /// 50, the default.
    pub const NORMAL: Self = Self(50);
    /// 20; down from here a job takes the `conservative` retry strategy by default.
    pub const LOW: Self = Self(20);

    /// A priority from 0 to 100.
    pub fn new(value: i64) -> Result<Self, PriorityOutOfRange> {
        match u8::try_from(value) {
            Ok(value) if value <= Self::MAX.0 => Ok(Self(value)),
            _ => Err(PriorityOutOfRange(value)),
        }
    }

    /// The number, 0 to 100.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Priority {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = i64::deserialize(deserializer)?;
        Self::new(value).map_err(serde::de::Error::custom)
    }
}

/// The place of a priority in the ready line: lower lanes go first (PROTOCOL section 3).
///
/// Each priority has two: jobs join the odd lane; what was handed back or lost goes to the even
/// lane just ahead of it, so that a shutdown does not send a job to the end of its line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(pub i16);

impl Lane {
    /// The lane that newly queued jobs of this priority join.
    pub fn joining(priority: Priority) -> Self {
        Self(2 * (100 - i16::from(priority.0)) + 1)
    }

    /// The lane just ahead of [`Lane::joining`], for jobs handed back or lost.
    pub fn ahead(priority: Priority) -> Self {
        Self(2 * (100 - i16::from(priority.0)))
    }

    /// The lane that a job of this one joins when it has waited for the time after which its queue's
    /// jobs age; none from the highest priority, above which there is nothing.
    pub fn aged(self) -> Option<Self> {
        let Priority(priority) = self.priority();
        (priority < Priority::MAX.0).then(|| Self::joining(Priority(priority + 1)))
    }

    /// The priority that this lane belongs to.
    pub fn priority(self) -> Priority {
        let below_max = u8::try_from((self.0 / 2).clamp(0, 100)).unwrap_or(100);
        Priority(Priority::MAX.0 - below_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_order_by_priority_and_put_handed_back_jobs_ahead() {
        for value in 0..=100 {
            let priority = Priority::new(value).expect("in range");
            assert!(Lane::ahead(priority) < Lane::joining(priority));
            assert_eq!(Lane::ahead(priority).priority(), priority);
            assert_eq!(Lane::joining(priority).priority(), priority);
            if value > 0 {
                let lower = Priority::new(value - 1).expect("in range");
                assert!(Lane::joining(priority) < Lane::ahead(lower));
            }
        }
    }

    #[test]
    fn a_job_that_ages_joins_the_next_higher_priority_and_ends_at_the_top() {
        for start in 0..=100 {
            let start = Priority::new(start).expect("in range");
            for first in [Lane::joining(start), Lane::ahead(start)] {
                let steps = std::iter::successors(Some(first), |lane| lane.aged());
                let priorities: Vec<u8> = steps.map(|lane| lane.priority().get()).collect();
                let expected: Vec<u8> = (start.get()..=100).collect();
                assert_eq!(priorities, expected, "one at a time");
            }
        }
        let low = Lane::joining(Priority::LOW);
        let next = Priority::new(21).expect("in range");
        assert_eq!(
            low.aged(),
            Some(Lane::joining(next)),
            "behind who waits there"
        );
    }

    #[test]
    fn priorities_outside_0_to_100_are_refused() {
        for value in [-1, 101, 256, i64::MAX, i64::MIN] {
            assert_eq!(Priority::new(value), Err(PriorityOutOfRange(value)));
        }
    }
}
