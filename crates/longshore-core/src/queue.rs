//! Queues: named lines of jobs that share an executor, hosts and a limit.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::QueueId;
use crate::limit::Limit;
use crate::spec::{FieldError, check_name};

/// A queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Queue {
    /// Its id in this store.
    pub id: QueueId,
    /// Its name.
    pub name: String,
    /// The kind of executor that all its jobs run on.
    pub executor: String,
    /// Labels that a host must carry; empty means any host.
    pub host_selector: BTreeMap<String, String>,
    /// The most jobs launching or running at once.
    pub max_concurrent: Option<Limit>,
    /// Whether nothing is acquired from it.
    pub paused: bool,
    /// After waiting this long in its line a job moves up one priority, and again after each further
    /// time; none means never. See [`crate::store::Upkeep::age_waiting`].
    #[serde(with = "crate::spec::optional_duration")]
    #[cfg_attr(feature = "schema", schema(schema_with = crate::schemas::duration))]
    pub ageing: Option<Duration>,
    /// What becomes of jobs on a host that nobody reaches any more.
    pub on_host_lost: OnHostLost,
    /// Raised by every change of limit or pause.
    pub epoch: i64,
}

/// What becomes of the jobs on a host that nobody reaches any more: it may be gone, or only be cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum OnHostLost {
    /// They keep their places until the host is back, or a person says that it is gone. No job ever
    /// runs twice at once.
    #[default]
    Wait,
    /// Once nobody has seen the host for a minute they run again elsewhere. Should it only have been
    /// cut off, a job may run twice at once, and limits be passed by as many.
    Retry,
}

impl OnHostLost {
    /// As people and databases write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Retry => "retry",
        }
    }
}

impl std::str::FromStr for OnHostLost {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        match text {
            "wait" => Ok(Self::Wait),
            "retry" => Ok(Self::Retry),
            _ => Err(FieldError::new("on_host_lost", "must be wait or retry")),
        }
    }
}

/// A queue to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewQueue {
    /// Its name; see [`crate::spec::check_name`].
    pub name: String,
    /// The kind of executor that its jobs run on.
    pub executor: String,
    /// Labels that a host must carry.
    pub host_selector: BTreeMap<String, String>,
    /// The most jobs launching or running at once.
    pub max_concurrent: Option<Limit>,
}

impl NewQueue {
    /// Whether it can be made. Every store asks this first.
    pub fn validate(&self) -> Result<(), FieldError> {
        check_name("name", &self.name)?;
        check_name("executor", &self.executor)?;
        check_selector(self.host_selector.iter().flat_map(|(k, v)| [k, v]))?;
        check_limit(self.max_concurrent)
    }
}

/// A change to a queue; fields that are `None` stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueueChange {
    /// The new limit, or `Some(None)` for none.
    pub max_concurrent: Option<Option<Limit>>,
    /// Paused or not.
    pub paused: Option<bool>,
    /// Labels that its hosts must carry from now on, and with `None` need no longer.
    pub host_selector: BTreeMap<String, Option<String>>,
    /// The new policy for hosts that nobody reaches.
    pub on_host_lost: Option<OnHostLost>,
    /// After waiting how long its jobs move up one priority, or `Some(None)` for never. The wait
    /// counts anew from then on.
    pub ageing: Option<Option<Duration>>,
}

impl QueueChange {
    /// The shortest and the longest time after which a job may move up: shorter ones would be over
    /// before they began, longer ones are a slip.
    pub const AGEING: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_hours(24 * 366);

    /// Whether it can be made. Every store asks this first.
    pub fn validate(&self) -> Result<(), FieldError> {
        if let Some(Some(ageing)) = self.ageing
            && !Self::AGEING.contains(&ageing)
        {
            let problem = "must be from 1ms to 366d, or none";
            return Err(FieldError::new("ageing", problem));
        }
        let selector = self.host_selector.iter();
        check_selector(
            selector.flat_map(|(key, value)| [Some(key), value.as_ref()].into_iter().flatten()),
        )?;
        check_limit(self.max_concurrent.flatten())
    }
}

fn check_selector<'a>(mut texts: impl Iterator<Item = &'a String>) -> Result<(), FieldError> {
    if texts.any(|text| text.contains('\0')) {
        let problem = "must not hold a NUL character";
        return Err(FieldError::new("host_selector", problem));
    }
    Ok(())
}

/// A limit beyond what databases count in is a slip; a queue without one has none.
fn check_limit(limit: Option<Limit>) -> Result<(), FieldError> {
    match limit {
        Some(limit) if limit > Limit::MAX => {
            let problem = format!("must be at most {}", Limit::MAX.0);
            Err(FieldError::new("max_concurrent", problem))
        }
        Some(_) | None => Ok(()),
    }
}

/// Counts of a queue's jobs, each capped: see [`Count`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QueueCounts {
    /// Waiting, due or not (pending ones are not in the queue).
    pub queue_depth: Count,
    /// Of these, due now.
    pub ready_now: Count,
    /// Of these, due later.
    pub scheduled_future: Count,
    /// Leases without a started container.
    pub launching: Count,
    /// Leases with a started container.
    pub running: Count,
}

/// A number of rows; counting stops at a cap, so that a number costs the same at any size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Count(pub u64);

impl Count {
    /// Counting stops here; a count of this much means "at least".
    pub const CAP: u64 = 100_000;

    /// Whether counting stopped before the end.
    pub fn is_capped(self) -> bool {
        self.0 >= Self::CAP
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_capped() {
            write!(f, "≥{}", Self::CAP)
        } else {
            self.0.fmt(f)
        }
    }
}

/// A queue and what is in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct QueueStats {
    /// The queue.
    #[serde(flatten)]
    pub queue: Queue,
    /// Its counts.
    #[serde(flatten)]
    pub counts: QueueCounts,
    /// Workers that serve it, alive and not draining.
    pub workers: u32,
    /// When the first of its jobs that may start now began to wait, or earlier: the earliest over the
    /// heads of its lines of when each was submitted or was to be due or, when it has run before, when
    /// its last attempt ended. So the pause before a retry counts as waiting, and the time that a job
    /// was held. In a queue that ages its jobs, one that has risen joins a line at its end, and may have
    /// waited for longer than that line's head. None when no job may start now.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub oldest_waiting_at: Option<Timestamp>,
}

/// Counts over all queues, in the names that users of the earlier system look for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WorkerMetrics {
    /// Waiting, due or not.
    pub queue_depth: Count,
    /// Waiting and due.
    pub ready_now: Count,
    /// Due later.
    pub scheduled_future: Count,
    /// Leases without a started container.
    pub launching: Count,
    /// Leases with a started container.
    pub running: Count,
    /// Failed jobs whose last attempt never started.
    pub launch_failed: Count,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> NewQueue {
        NewQueue {
            name: "gpu".to_owned(),
            executor: "docker".to_owned(),
            host_selector: BTreeMap::new(),
            max_concurrent: None,
        }
    }

    #[test]
    fn a_queue_that_no_store_could_hold_is_refused_by_field() {
        let selector = |key: &str, value: &str| BTreeMap::from([(key.into(), value.into())]);
        queue().validate().expect("fine");
        for (field, new) in [
            (
                "name",
                NewQueue {
                    name: "GPU".to_owned(),
                    ..queue()
                },
            ),
            (
                "executor",
                NewQueue {
                    executor: String::new(),
                    ..queue()
                },
            ),
            (
                "host_selector",
                NewQueue {
                    host_selector: selector("a\0", ""),
                    ..queue()
                },
            ),
            (
                "host_selector",
                NewQueue {
                    host_selector: selector("a", "\0"),
                    ..queue()
                },
            ),
            (
                "max_concurrent",
                NewQueue {
                    max_concurrent: Some(Limit(1 << 31)),
                    ..queue()
                },
            ),
        ] {
            assert_eq!(new.validate().expect_err(field).field, field);
        }
    }

    #[test]
    fn ageing_that_is_no_time_at_all_or_a_slip_is_refused() {
        let day = Duration::from_hours(24);
        for (ageing, fits) in [
            (Duration::ZERO, false),
            (Duration::from_micros(999), false),
            (Duration::from_millis(1), true),
            (366 * day, true),
            (367 * day, false),
        ] {
            let change = QueueChange {
                ageing: Some(Some(ageing)),
                ..QueueChange::default()
            };
            let refused = change.validate().map_err(|fault| fault.field);
            let expected = if fits {
                Ok(())
            } else {
                Err("ageing".to_owned())
            };
            assert_eq!(refused, expected, "{ageing:?}");
        }
    }

    #[test]
    fn a_limit_is_changed_within_the_same_bounds_as_it_is_made() {
        for (limit, fits) in [(0, true), ((1 << 31) - 1, true), (1 << 31, false)] {
            let max_concurrent = Some(Limit(limit));
            let new = NewQueue {
                max_concurrent,
                ..queue()
            };
            assert_eq!(new.validate().is_ok(), fits, "{limit}");
            let change = QueueChange {
                max_concurrent: Some(max_concurrent),
                paused: None,
                ..QueueChange::default()
            };
            assert_eq!(change.validate().is_ok(), fits, "{limit}");
        }
    }
}
