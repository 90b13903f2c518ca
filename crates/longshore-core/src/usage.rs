//! What a container uses over time: samples, thinned so that a series stays short however long it runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::attempt::Usage;
use crate::ids::AttemptNumber;
use crate::store::LeaseKey;

/// What a container has used up to now, and what it has now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sample {
    /// Up to now.
    pub usage: Usage,
    /// The memory of all its processes together, now. What the kernel keeps of files that they read and
    /// could give back is left out.
    pub memory_bytes: Option<u64>,
}

/// A sample at a moment of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsagePoint {
    /// Milliseconds since the container was started.
    pub after_ms: u64,
    /// CPU time up to then, user and system, of all its processes, in microseconds.
    pub cpu_micros: Option<u64>,
    /// The memory of all its processes together at that moment, in bytes. Of processes on the host itself
    /// what they share with each other counts for each.
    pub memory_bytes: Option<u64>,
}

/// The samples of an attempt, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Stored>", into = "Vec<Stored>")]
pub struct UsageSeries {
    points: Vec<UsagePoint>,
}

/// A point as stores keep it: a few bytes each.
type Stored = (u64, Option<u64>, Option<u64>);

impl UsageSeries {
    /// The most points of a series.
    pub const MAX_POINTS: usize = 120;
    /// The first sample is taken after so long, so that short attempts cost nothing; the next ones as far
    /// apart, until there are too many of them: then every other one goes, and they are taken half as often.
    pub const FIRST_AFTER: Duration = Duration::from_secs(5);

    /// Its points.
    pub fn points(&self) -> &[UsagePoint] {
        &self.points
    }

    /// How long after its start a container is to be sampled next.
    pub fn next_after(&self) -> Duration {
        let last = self.points.last().map_or(0, |point| point.after_ms);
        Duration::from_millis(last + step(last))
    }

    /// Adds a sample that was taken so long after the start. One that is not later than those that are
    /// there changes nothing.
    pub fn add(&mut self, after: Duration, sample: Sample) {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        if self
            .points
            .last()
            .is_some_and(|last| after_ms <= last.after_ms)
        {
            return;
        }
        self.points.push(UsagePoint {
            after_ms,
            cpu_micros: sample.usage.cpu_micros,
            memory_bytes: sample.memory_bytes,
        });
        if self.points.len() > Self::MAX_POINTS {
            self.thin(step(after_ms));
        }
    }

    /// Leaves points that are about a step apart, and the last one in any case.
    fn thin(&mut self, step: u64) {
        let last = self.points.last().map_or(0, |point| point.after_ms);
        let mut kept: Option<u64> = None;
        self.points.retain(|point| {
            let is_apart = kept.is_none_or(|kept| point.after_ms - kept >= step / 4 * 3);
            if is_apart {
                kept = Some(point.after_ms);
            }
            is_apart || point.after_ms == last
        });
        // Those that came irregularly: the latest are kept.
        let excess = self.points.len().saturating_sub(Self::MAX_POINTS);
        self.points.drain(..excess);
    }
}

/// How far apart points are at this age, in milliseconds.
fn step(after_ms: u64) -> u64 {
    let first = u64::try_from(UsageSeries::FIRST_AFTER.as_millis()).unwrap_or(u64::MAX);
    let mut step = first;
    while after_ms / step >= UsageSeries::MAX_POINTS as u64 {
        step = step.saturating_mul(2);
    }
    step
}

impl From<Vec<Stored>> for UsageSeries {
    fn from(stored: Vec<Stored>) -> Self {
        let points = stored.into_iter();
        Self {
            points: points
                .map(|(after_ms, cpu_micros, memory_bytes)| UsagePoint {
                    after_ms,
                    cpu_micros,
                    memory_bytes,
                })
                .collect(),
        }
    }
}

impl From<UsageSeries> for Vec<Stored> {
    fn from(series: UsageSeries) -> Self {
        let points = series.points.into_iter();
        points
            .map(|point| (point.after_ms, point.cpu_micros, point.memory_bytes))
            .collect()
    }
}

/// The series of a live attempt, as its worker has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageNote {
    /// Whose.
    pub lease: LeaseKey,
    /// All of it up to now.
    pub series: UsageSeries,
}

/// The series of an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AttemptUsage {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Its samples, in their order: some five seconds apart at first, further apart in long attempts.
    pub points: Vec<UsagePoint>,
}

impl From<AttemptUsage> for UsageSeries {
    fn from(usage: AttemptUsage) -> Self {
        Self {
            points: usage.points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_micros: u64) -> Sample {
        Sample {
            usage: Usage {
                cpu_micros: Some(cpu_micros),
                peak_memory_bytes: None,
            },
            memory_bytes: Some(1 << 20),
        }
    }

    /// Samples whenever one is due, for so long.
    fn taken_for(length: Duration) -> UsageSeries {
        let mut series = UsageSeries::default();
        loop {
            let next = series.next_after();
            if next > length {
                return series;
            }
            series.add(
                next,
                sample(u64::try_from(next.as_micros()).expect("small")),
            );
        }
    }

    #[test]
    fn short_attempts_have_no_series_and_long_ones_a_short_one_of_all_their_time() {
        assert_eq!(taken_for(Duration::from_secs(4)).points(), []);
        assert_eq!(taken_for(Duration::from_secs(27)).points().len(), 5);
        for hours in [1, 5, 24, 24 * 30, 24 * 365 * 3] {
            let length = Duration::from_hours(hours);
            let series = taken_for(length);
            let points = series.points();
            assert!(
                (50..=UsageSeries::MAX_POINTS).contains(&points.len()),
                "{hours} h"
            );
            let gaps: Vec<u64> = points
                .windows(2)
                .map(|pair| pair[1].after_ms - pair[0].after_ms)
                .collect();
            let (least, most) = (gaps.iter().min(), gaps.iter().max());
            let (least, most) = (least.expect("some"), most.expect("some"));
            assert!(
                most <= &(2 * least),
                "{hours} h: from {least} to {most} ms apart"
            );
            let length = u64::try_from(length.as_millis()).expect("small");
            assert!(points[0].after_ms <= length / 30, "it is of the whole time");
            assert!(length - points[points.len() - 1].after_ms <= length / 30);
        }
    }

    #[test]
    fn samples_that_come_late_or_twice_do_no_harm() {
        let mut series = taken_for(Duration::from_secs(20));
        let before = series.clone();
        series.add(Duration::from_secs(20), sample(0));
        series.add(Duration::from_secs(3), sample(0));
        assert_eq!(series, before);
        // A machine slept; and samples that come all at once stay within the bound.
        series.add(Duration::from_hours(2000), sample(7));
        assert_eq!(series.points().len(), 5);
        for more in 1..400 {
            series.add(
                Duration::from_hours(2000) + Duration::from_millis(more),
                sample(8),
            );
        }
        assert!(series.points().len() <= UsageSeries::MAX_POINTS);
    }

    #[test]
    fn a_series_reads_back_as_it_was_stored() {
        let series = taken_for(Duration::from_secs(12));
        let stored = serde_json::to_string(&series).expect("JSON");
        assert_eq!(stored, "[[5000,5000000,1048576],[10000,10000000,1048576]]");
        let read: UsageSeries = serde_json::from_str(&stored).expect("a series");
        assert_eq!(read, series);
    }
}
